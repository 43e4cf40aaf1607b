"""The log of a Proxmox migration task, as facts.

The lines come from ``PVE/QemuMigrate.pm``, ``PVE/LXC/Migrate.pm`` and ``PVE/AbstractMigrate.pm``: most carry a stamp in
the node's local time, some none, and plug-ins mix in lines of their own; so figures are searched for within a line and
everything else is passed over. A figure counts only with what follows it, so that half a line never gives a wrong one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.policy.jobs import Outcome, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE = r"(\d+(?:\.\d+)?) ([KMGTPE]?i?B)"
_ACTIVE = re.compile(  # the parts in brackets since Proxmox VE 9, before or after the speed
    rf"migration active, transferred {_SIZE} of {_SIZE} VM-state(?: \(\+ [^)]*\))?(?:, {_SIZE}/s)?"
)
_ACTIVE_IN_BYTES = re.compile(  # Proxmox VE 6
    r"migration status: active \(transferred (\d+), remaining \d+\), total (\d+)\)"
)
_DISK = re.compile(rf"(?:drive|mirror)-\w+: transferred {_SIZE} of {_SIZE} \(")
_DISK_IN_BYTES = re.compile(  # Proxmox VE 6
    r"drive-\w+: transferred: (\d+) bytes remaining: \d+ bytes total: (\d+) bytes "
)
_COMPLETED = re.compile(rf"migration completed, transferred {_SIZE} VM-state")
_DOWNTIME = re.compile(r"migration speed: .* - downtime (\d+) ms")
_SHUTDOWN = re.compile(r"shutdown CT \d+$")
_DURATION = re.compile(r"migration (finished|aborted).*\(duration (\d+):(\d\d):(\d\d)\)")
_CAUSE = re.compile(r"ERROR: migration aborted \(duration [\d:]+\): (.+)")
_PROBLEM = re.compile(r"ERROR: (.+)")
_HA_REFUSES = re.compile(r"^(service '\S+' in error state.*)")
_TASK_ERROR = re.compile(r"^TASK ERROR: (.+)")
_LOCKED = re.compile(r"(?:VM|CT) is locked\b")
_UNREACHABLE_BY_SSH = "Can't connect to destination address using public key"
# 255 is what ssh ends with when it does not get through, and what `qm start` there ends with whatever it died of.
_NOT_STARTED_THERE = re.compile(r"(?:remote command failed with|command '/usr/bin/ssh .* failed:) exit code 255\b")
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

    @property
    def locked(self) -> bool:
        """The task met a lock that was not there at the last look; the call itself looks at none for containers."""
        return self.error is not None and _LOCKED.match(self.error) is not None

    @property
    def perhaps_too_early(self) -> bool:
        """The guest could not be started there: while its storages are not up yet, but for lasting causes as well."""
        return self.error is not None and _NOT_STARTED_THERE.search(self.error) is not None


def read_log(lines: Iterable[str]) -> LogReading:
    """Read log lines, in their order, the last word winning; lines of any other kind are passed over.

    A container is down from its shutdown, with which its migration begins, to the end: all of the duration.
    """
    progress: Progress | None = None
    downtime = duration = None
    transferred: int | None = None
    cause = problem = task_error = None
    restarted = finished = False
    for line in lines:
        progress = _progress(line) or progress
        if found := _COMPLETED.search(line):
            transferred = _size(*found.groups())
        elif found := _DOWNTIME.search(line):
            downtime = int(found[1]) / 1000
        restarted = restarted or _SHUTDOWN.search(line) is not None
        if found := _DURATION.search(line):
            hours, minutes, seconds = (int(part) for part in found.group(2, 3, 4))
            duration = float(hours * 3600 + minutes * 60 + seconds)
            finished = found[1] == "finished"
        if found := _CAUSE.search(line):
            cause = found[1]
        elif found := _TASK_ERROR.search(line):
            task_error = found[1]
        elif problem is None and (found := _PROBLEM.search(line) or _HA_REFUSES.search(line)):
            problem = found[1]
    if restarted and finished and downtime is None:
        downtime = duration
    return LogReading(progress, Outcome(downtime, duration, transferred), cause or problem or task_error)


def _progress(line: str) -> Progress | None:
    """How far the memory is, or the disk that is copied before it."""
    if found := _ACTIVE.search(line):
        moved, total, speed = (_size(*found.group(n, n + 1)) for n in (1, 3, 5))
    elif found := _DISK.search(line):
        moved, total, speed = _size(*found.group(1, 2)), _size(*found.group(3, 4)), None
    elif found := _ACTIVE_IN_BYTES.search(line) or _DISK_IN_BYTES.search(line):
        moved, total, speed = int(found[1]), int(found[2]), None
    else:
        return None
    return None if moved is None or total is None else Progress(moved, total, speed)


def _size(number: str | None, unit: str | None) -> int | None:
    """Bytes, or None for a missing figure or a unit that Proxmox does not write (``PVE::Format::render_bytes``)."""
    if number is None or unit not in _UNITS:
        return None
    return round(float(number) * _UNITS[unit])
