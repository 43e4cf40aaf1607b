"""The files of a powercap zone: what it measures, and what its text means.

Layout and file names: Documentation/power/powercap/powercap.rst and Documentation/ABI/testing/sysfs-class-powercap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter import sysfs
from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = re.compile(r"package-(\d+)(?:-die-(\d+))?")
_PSYS = re.compile(r"psys(?:-(\d+))?")
_NAME = re.compile(r"[!-~]+")
_COUNT = re.compile(r"[0-9]{1,20}")  # the kernel prints an unsigned 64-bit number

_ADVICE = {
    Reason.PERMISSION: "only root may read it since Linux 5.10: run as root, or give this service's group the right",
    Reason.MISSING: "without this file the zone cannot be measured; the others can",
}


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


def parse_name(text: str) -> str:
    """Return a zone's name, which becomes a label.

    Raises:
        SourceError: parse, when the text is empty or has characters that no zone's name has.
    """
    if not _NAME.fullmatch(text):
        raise SourceError(Reason.PARSE, f"{text[:40]!r} is not a zone's name")
    return text


def parse_microjoules(text: str) -> int:
    """Return the count in a powercap file, blanks stripped.

    Raises:
        SourceError: parse, when the text is no decimal number, or one longer than the kernel's.
    """
    if not _COUNT.fullmatch(text):
        raise SourceError(Reason.PARSE, f"{text[:40]!r} is not a count of microjoules")
    return int(text)


def read_name(zone: Path) -> str:
    """Return the name of the zone in a folder.

    Raises:
        SourceError: it has none that can be read.
    """
    try:
        return parse_name(_line(f"{zone}/name"))
    except SourceError as error:
        raise SourceError(error.reason, f"{zone.name}: {error.detail}") from error


def read_count(zone: Zone) -> tuple[int, int]:
    """Return the zone's counter and its range, in microjoules.

    Raises:
        SourceError: either cannot be read.
    """
    span = parse_microjoules(_line(f"{zone.path}/max_energy_range_uj"))
    return parse_microjoules(_line(f"{zone.path}/energy_uj")), span


def _line(path: str) -> str:
    try:
        return sysfs.line(path)
    except SourceError as error:
        advice = f": {_ADVICE[error.reason]}" if error.reason in _ADVICE else ""
        raise SourceError(error.reason, f"{error.detail}{advice}") from error
