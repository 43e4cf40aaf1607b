"""How a machine's CPU time was used between two looks at it: by each guest, and in all. Pure, in whole µs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """The machine's CPU time since boot in clock ticks, over all its processors, by what it was spent on.

    The first eight figures of the ``cpu`` line of ``/proc/stat`` (Documentation/filesystems/proc.rst). The two after
    them, guest and guest_nice, are part of user and nice already: adding them would count every guest twice.
    """

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int

    @property
    def work(self) -> tuple[int, ...]:
        """The ticks in which a processor did something."""
        return (self.user, self.nice, self.system, self.irq, self.softirq)

    @property
    def rest(self) -> tuple[int, ...]:
        """The ticks in which none did: steal is time that another machine used, when this one is virtual itself."""
        return (self.idle, self.iowait, self.steal)


@dataclass(frozen=True, slots=True)
class GuestTime:
    """One run of one guest: what tells it from its earlier runs, its name, and the CPU time of its cgroup, in µs."""

    run: tuple[int, ...]
    name: str
    microseconds: int


@dataclass(frozen=True, slots=True)
class Look:
    """The machine's and every running guest's CPU time at one moment; guests by id, such as ``qemu/100``."""

    machine: MachineTimes
    guests: Mapping[str, GuestTime]


@dataclass(frozen=True, slots=True)
class CpuWindow:
    """CPU time in µs between two looks: what the machine had, what all its work took, what each guest took.

    ``guests`` are by id and name. No figure is below 0, and neither ``busy`` nor any guest is above ``capacity``. The
    guests together may be above ``busy``: ticks are coarse, and the files are not read at one instant.
    """

    capacity: int
    busy: int
    guests: Mapping[tuple[str, str], int]
    leapt: Mapping[str, int] = field(default_factory=dict)
    """Guests whose counter grew by more than the machine can have given, by id, and by how much: they have no part."""


def measure(before: Look, after: Look, ticks_per_second: int) -> CpuWindow | None:
    """Return what happened between two looks, or None when no time passed that can be measured.

    A guest counts from the second look that finds it: what its counter held at the first one was used at an unknown
    time, perhaps on another node. Until then its work is the host's. A guest that ended is gone; the rest of its work
    was the host's as well. One that restarted, or whose counter went back, begins anew.

    The files are read one after the other, on a node that may be too busy to read them at once, so a guest may seem to
    have used a little more than the machine had: that is cut off. Far more is no figure at all.
    """
    busy = _grown(before.machine.work, after.machine.work) * _MICRO // ticks_per_second
    capacity = busy + _grown(before.machine.rest, after.machine.rest) * _MICRO // ticks_per_second
    if capacity == 0:
        return None
    guests, leapt = {}, {}
    for guest, now in after.guests.items():
        then = before.guests.get(guest)
        if then is None or then.run != now.run or then.microseconds > now.microseconds:
            continue
        used = now.microseconds - then.microseconds
        if used > 2 * capacity + _MICRO:
            leapt[guest] = used
        else:
            guests[guest, now.name] = min(used, capacity)
    return CpuWindow(capacity, busy, guests, leapt)


def _grown(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Return by how much counters grew in all; one that went back, as iowait may (proc.rst), did not grow."""
    return sum(max(0, now - then) for then, now in zip(before, after, strict=True))
