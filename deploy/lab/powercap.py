"""A node's powercap tree on disk (Linux: Documentation/power/powercap/powercap.rst, intel_rapl_common.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.files import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.power import Watts

_MICRO = 1_000_000
# Typical ranges of an Intel package (32 bit in units of 61 µJ) and of server memory (15.3 µJ).
PACKAGE_RANGE_UJ = 262_143_328_850
DRAM_RANGE_UJ = 65_712_999_613


@dataclass
class Zone:
    """A zone: a folder with a counter that wraps."""

    folder: str
    name: str
    range_uj: int
    energy_uj: int = 0
    _rest: float = 0.0

    def add(self, joules: float) -> None:
        """Let the counter run on, keeping what is less than a microjoule for the next time."""
        exact = joules * _MICRO + self._rest
        whole = int(exact)
        self._rest = exact - whole
        self.energy_uj = (self.energy_uj + whole) % (self.range_uj + 1)


class Powercap:
    """The tree of one node.

    Args:
        root: The folder that stands for ``/``.
        mmio: Whether the package shows a second time through its MMIO interface.
        psys: Whether there is a zone for the whole platform.
        start_uj: Where the counters begin.
    """

    def __init__(self, root: Path, *, mmio: bool = False, psys: bool = False, start_uj: int = 0) -> None:
        self.sysfs = root / "sys"
        self._base = self.sysfs / "class" / "powercap"
        self._package = [Zone("intel-rapl:0", "package-0", PACKAGE_RANGE_UJ, start_uj)]
        if mmio:
            self._package.append(Zone("intel-rapl-mmio:0", "package-0", PACKAGE_RANGE_UJ, start_uj))
        self._cores = Zone("intel-rapl:0:0", "core", PACKAGE_RANGE_UJ, start_uj)
        self._dram = Zone("intel-rapl:0:1", "dram", DRAM_RANGE_UJ, start_uj)
        self._psys = [Zone("intel-rapl:1", "psys", PACKAGE_RANGE_UJ, start_uj)] if psys else []
        for zone in self.zones:
            folder = self._base / zone.folder
            folder.mkdir(parents=True, exist_ok=True)
            replace_text(folder / "name", f"{zone.name}\n")
            replace_text(folder / "max_energy_range_uj", f"{zone.range_uj}\n")
            replace_text(folder / "enabled", "1\n")
        self._write_counters()

    def reset(self) -> None:
        """Begin again at 0, as the counters of a machine that was off do."""
        for zone in self.zones:
            zone.energy_uj = 0
        self._write_counters()

    @property
    def zones(self) -> list[Zone]:
        """All zones."""
        return [*self._package, self._cores, self._dram, *self._psys]

    def advance(self, watts: Watts, seconds: float) -> None:
        """Let ``watts`` flow for ``seconds``."""
        for zone in self._package:
            zone.add(watts.package * seconds)
        self._cores.add(watts.cores * seconds)
        self._dram.add(watts.dram * seconds)
        for zone in self._psys:
            zone.add((watts.package + watts.dram) * seconds)
        self._write_counters()

    def _write_counters(self) -> None:
        for zone in self.zones:
            replace_text(self._base / zone.folder / "energy_uj", f"{zone.energy_uj}\n")
