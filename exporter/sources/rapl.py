"""RAPL: the processor's own energy counters, as the kernel's powercap class shows them.

Layout and file names: Documentation/power/powercap/powercap.rst and Documentation/ABI/testing/sysfs-class-powercap.
Zones are flat under ``<sysfs>/class/powercap``: ``intel-rapl:0`` is a package, ``intel-rapl:0:1`` a zone inside it,
``intel-rapl-mmio:0`` the same package read another way. Indexes are hexadecimal. AMD's zones have the same names.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.energy import EnergyMeter
from exporter.readings import Clock, Failure, Family, Reading, Reason, Sample, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.settings import Pace

JOULES = "wattshift_rapl_joules_total"
WATTS = "wattshift_rapl_watts"

_LABELS = ("package", "die", "domain")
_DIRECTORY = re.compile(r"(intel-rapl|intel-rapl-mmio):([0-9a-f]+(?::[0-9a-f]+)*)")
_PACKAGE = re.compile(r"package-(\d+)(?:-die-(\d+))?")
_PSYS = re.compile(r"psys(?:-(\d+))?")

# A core or graphics counter may rightly stand still (parked, or not wired on servers). No other zone of a machine
# that runs this program draws nothing.
_MAY_REST = frozenset({"core", "uncore"})

_REASONS = {
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.ENOENT: Reason.MISSING,
    errno.EBUSY: Reason.BUSY,
    errno.EAGAIN: Reason.BUSY,
    errno.ETIMEDOUT: Reason.TIMEOUT,
}
_ADVICE = {
    Reason.PERMISSION: "only root may read it since Linux 5.10: run as root, or give this service's group the right",
    Reason.MISSING: "without this file the zone cannot be measured; the others can",
}
_NO_DRIVER = "load the driver (modprobe intel_rapl_msr); a virtual machine has none"


@dataclass(frozen=True, slots=True)
class Zone:
    """One energy counter: where it is, and what it measures.

    ``die`` is empty when the package is not divided; ``package`` too when the zone is the whole platform (psys).
    """

    path: Path
    package: str
    die: str
    domain: str

    @property
    def labels(self) -> tuple[str, str, str]:
        """The label values of its figures."""
        return (self.package, self.die, self.domain)


def name_zone(path: Path, name: str, parent: str | None) -> Zone:
    """Return the zone called ``name`` at ``path``; ``parent`` is the name of the package zone around it, if any."""
    package = _PACKAGE.fullmatch(parent if parent is not None else name)
    number, die = (package[1], package[2] or "") if package else ("", "")
    if parent is not None:
        return Zone(path, number, die, name)
    if package:
        return Zone(path, number, die, "package")
    psys = _PSYS.fullmatch(name)
    return Zone(path, psys[1] or "", "", "psys") if psys else Zone(path, "", "", name)


def parse_microjoules(text: str) -> int:
    """Return the count in a powercap file, blanks stripped.

    Raises:
        SourceError: the text is no decimal number.
    """
    if not (text.isascii() and text.isdigit()):
        raise SourceError(Reason.PARSE, f"{text[:40]!r} is not a count of microjoules")
    return int(text)


class Rapl:
    """Reads every zone; a zone that cannot be read hides no other."""

    name = "rapl"
    families = (
        Family(JOULES, "counter", "Energy used since the exporter started, unwrapped, of one RAPL zone.", _LABELS),
        Family(WATTS, "gauge", "Mean power of one RAPL zone over the newest sampling window.", _LABELS),
    )

    def __init__(self, sysfs: Path, pace: Pace, clock: Clock) -> None:
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._root = sysfs / "class" / "powercap"
        self._clock = clock
        self._meters: dict[Path, EnergyMeter] = {}

    def close(self) -> None:
        """There is nothing to end."""

    def read(self) -> Sample:
        """Read all counters once.

        Raises:
            SourceError: missing, when the machine has no RAPL zone at all.
        """
        zones, failures = self._discover()
        readings: list[Reading] = []
        begins = False
        for zone in zones:
            try:
                figures = self._measure(zone)
            except SourceError as error:
                failures.append(Failure(error.reason, f"{zone.path.name}: {error.detail}", zone.labels))
                continue
            begins = begins or len(figures) == 1  # joules alone: its first window has only begun
            if figures[-1] == Reading(WATTS, zone.labels, 0.0) and zone.domain not in _MAY_REST:
                figures.pop()
                failures.append(Failure(Reason.IMPLAUSIBLE, f"{zone.path.name}: its counter stood still", zone.labels))
            readings += figures
        return Sample(tuple(readings), tuple(failures), up=not failures or begins or _has_power(readings))

    def _measure(self, zone: Zone) -> list[Reading]:
        span = parse_microjoules(_text(zone.path / "max_energy_range_uj"))
        text = _text(zone.path / "energy_uj")
        now = self._clock.monotonic()
        energy = self._meters.setdefault(zone.path, EnergyMeter()).advance(parse_microjoules(text), span, now)
        readings = [Reading(JOULES, zone.labels, energy.microjoules / 1e6)]
        if energy.watts is not None:
            readings.append(Reading(WATTS, zone.labels, energy.watts))
        return readings

    def _discover(self) -> tuple[list[Zone], list[Failure]]:
        """Find the zones, one per thing measured: MSR before MMIO, which counts the same package again."""
        found = sorted(
            (match[1], [int(index, 16) for index in match[2].split(":")], path)
            for path in _children(self._root)
            if (match := _DIRECTORY.fullmatch(path.name))
        )
        if not found:
            raise SourceError(Reason.MISSING, f"{self._root} has no RAPL zone: {_NO_DRIVER}")
        zones: dict[tuple[str, str, str], Zone] = {}
        failures: list[Failure] = []
        for control, index, path in found:
            try:
                parent = _text(path.with_name(f"{control}:{index[0]:x}") / "name") if index[1:] else None
                zone = name_zone(path, _text(path / "name"), parent)
            except SourceError as error:
                failures.append(Failure(error.reason, error.detail))
                continue
            zones.setdefault(zone.labels, zone)
        return list(zones.values()), failures


def _has_power(readings: list[Reading]) -> bool:
    """Tell whether any zone draws power; energy counted before is none, and a resting zone's zero is none."""
    return any(reading.family == WATTS and reading.value > 0 for reading in readings)


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError as error:
        raise SourceError(Reason.MISSING, f"{folder}: {error.strerror}: {_NO_DRIVER}") from error
    except OSError as error:
        raise _explain(error, folder) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: Path) -> SourceError:
    # EINVAL, ENODATA and EIO are what a driver answers for a counter that this processor does not have.
    reason = _REASONS.get(error.errno or 0, Reason.UNSUPPORTED)
    advice = f": {_ADVICE[reason]}" if reason in _ADVICE else ""
    return SourceError(reason, f"{path}: {error.strerror}{advice}")
