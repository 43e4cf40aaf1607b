"""The log of a Proxmox migration task, as facts.

The lines come from ``PVE/QemuMigrate.pm`` and ``PVE/AbstractMigrate.pm``: most carry a stamp in the node's local time,
some none, and plug-ins mix in lines of their own; so figures are searched for within a line and everything else is
passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.policy.jobs import Outcome, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE = r"(\d+(?:\.\d+)?) ([KMGTPE]?i?B)"
_ACTIVE = re.compile(rf"migration active, transferred {_SIZE} of {_SIZE} VM-state(?:, {_SIZE}/s)?")
_COMPLETED = re.compile(rf"migration completed, transferred {_SIZE} VM-state")
_DOWNTIME = re.compile(r"migration speed: .* - downtime (\d+) ms")
_DURATION = re.compile(r"migration (?:finished|aborted).*\(duration (\d+):(\d\d):(\d\d)\)")
_CAUSE = re.compile(r"ERROR: migration aborted \(duration [\d:]+\): (.+)")
_PROBLEM = re.compile(r"ERROR: (.+)")
_TASK_ERROR = re.compile(r"^TASK ERROR: (.+)")
_UNREACHABLE_BY_SSH = "Can't connect to destination address using public key"
_UNITS: dict[str, int] = {
    unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))
}


@dataclass(frozen=True, slots=True)
class LogReading:
    """What some lines of a log tell.

    Attributes:
        progress: The newest, or None when these lines show none.
        outcome: The figures of a finished migration.
        error: Why it failed, as Proxmox says it, or None.
    """

    progress: Progress | None = None
    outcome: Outcome = field(default_factory=Outcome)
    error: str | None = None

    @property
    def too_early(self) -> bool:
        """The source could not reach the target's ssh yet: the classic fate of a migration to a node still booting."""
        return self.error is not None and _UNREACHABLE_BY_SSH in self.error


def read_log(lines: Iterable[str]) -> LogReading:
    """Read log lines, in their order, the last word winning; lines of any other kind are passed over."""
    progress: Progress | None = None
    downtime = duration = None
    transferred: int | None = None
    cause = problem = task_error = None
    for line in lines:
        if found := _ACTIVE.search(line):
            moved, total, speed = (_size(*found.group(n, n + 1)) for n in (1, 3, 5))
            if moved is not None and total is not None:
                progress = Progress(moved, total, speed)
        elif found := _COMPLETED.search(line):
            transferred = _size(*found.groups())
        elif found := _DOWNTIME.search(line):
            downtime = int(found[1]) / 1000
        if found := _DURATION.search(line):
            hours, minutes, seconds = (int(part) for part in found.groups())
            duration = float(hours * 3600 + minutes * 60 + seconds)
        if found := _CAUSE.search(line):
            cause = found[1]
        elif found := _TASK_ERROR.search(line):
            task_error = found[1]
        elif problem is None and (found := _PROBLEM.search(line)):
            problem = found[1]
    return LogReading(progress, Outcome(downtime, duration, transferred), cause or problem or task_error)


def _size(number: str | None, unit: str | None) -> int | None:
    """Bytes, or None for a missing figure or a unit that Proxmox does not write (``PVE::Format::render_bytes``)."""
    if number is None or unit not in _UNITS:
        return None
    return round(float(number) * _UNITS[unit])
