"""powerstat: its version, and what that version gets wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, add_flag, ok, problem, warning
from exporter.doctor.where import names
from exporter.readings import SourceError

if TYPE_CHECKING:
    from exporter.doctor.where import Where
    from exporter.readings import SourceState

TITLE = "powerstat (best effort)"

Version = tuple[int, ...]

_VERSION = re.compile(r"powerstat, version (\d{1,4}(?:\.\d{1,4}){1,3})\b")  # the first line of `powerstat -h`
_MMIO_ONLY = (0, 3, 1)
_OFF = "--no-collector.powerstat"


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is."""

    said: str | None
    """The version, as it writes it."""
    why: str
    """Why there is none."""
    mmio: int
    zones: int


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where), where.state("powerstat"))


def read(where: Where) -> Facts:
    """Gather the facts."""
    found = names(where.settings.sysfs / "class" / "powercap")
    said, why = None, ""
    try:
        said = parse(where.ask("powerstat", "powerstat", "-h").text)
    except SourceError as error:
        why = error.detail
    packages = [name for name in found if re.fullmatch(r"intel-rapl(-mmio)?:[0-9a-f]+", name)]
    return Facts(said, why, sum("mmio" in name for name in packages), len(packages))


def parse(text: str) -> str | None:
    """Return the version in what ``powerstat -h`` prints, or None when it is not there."""
    found = _VERSION.search(text)
    return found[1] if found else None


def judge(facts: Facts, state: SourceState | None) -> list[Finding]:
    """Say what the facts mean."""
    if state is None:
        return [absent(f"switched off by {_OFF}")]
    if facts.said is None:
        sentence = f"{facts.why or 'it does not tell its version'}; where RAPL can be read it is not needed"
        return [absent(sentence, *add_flag(_OFF))]
    findings = [_fault(facts.said, facts)]
    if state.up:
        return [*findings, ok("it gives a figure for each package")]
    if findings[0].commands:
        return findings
    return [*findings, *(problem(failure.detail, *add_flag(_OFF)) for failure in state.failures)]


def _fault(said: str, facts: Facts) -> Finding:
    version = tuple(int(part) for part in said.split("."))
    if version == _MMIO_ONLY:
        if facts.mmio:
            return warning(
                f"version {said} sees only the zones of intel-rapl-mmio: it misses "
                f"{facts.zones - facts.mmio} of {facts.zones}"
            )
        return warning(
            f"version {said} sees only the zones of intel-rapl-mmio, and this machine has none: it gives nothing here",
            *add_flag(_OFF),
        )
    if version < _MMIO_ONLY:
        return ok(f"version {said} counts a package twice that has an MMIO zone too: the second is not used")
    debug = ", and prints debug lines" if version == (0, 3, 2) else ""
    return ok(
        f"version {said} adds up zones that overlap in its column Watts{debug}: that column is not used, pkg-* are"
    )
