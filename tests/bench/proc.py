"""What the kernel says of a process: processor time, memory, children (proc(5))."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


@dataclass(frozen=True, slots=True)
class Stat:
    """Fields of ``/proc/<pid>/stat``: the parent, and processor seconds, its own and those of ended children."""

    parent: int
    own: float
    children: float


def parse_stat(text: str, tick: float) -> Stat:
    """Return what ``/proc/<pid>/stat`` says; the command in brackets may hold blanks and brackets itself."""
    fields = text.rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) * tick for field in fields[11:15])
    return Stat(int(fields[1]), user + system, children_user + children_system)


def parse_kilobytes(text: str, key: str) -> int:
    """Return the kB of ``key`` in ``/proc/<pid>/status`` or ``smaps_rollup``.

    Raises:
        KeyError: it is not there.
    """
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0])
    raise KeyError(key)


def stat(pid: int) -> Stat | None:
    """Return what the kernel says of a process, None when it is gone."""
    try:
        return parse_stat(Path("/proc", str(pid), "stat").read_text(), _TICK)
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """Return the processes that ``pid`` started and that still live (or wait to be reaped)."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [child for child in pids if (found := stat(child)) is not None and found.parent == pid]


def is_childless(pid: int) -> bool:
    """Whether a process has no children; to ask this while it has some costs less than to list them."""
    # A hint alone: the kernel may pass over a child when another one ends (proc(5)), and may not offer the files.
    with contextlib.suppress(OSError):  # a thread that ended meanwhile
        if any(file.read_text().strip() for file in Path("/proc", str(pid), "task").glob("*/children")):
            return False
    return not children(pid)


def descendants(pid: int) -> list[int]:
    """Return the children of ``pid``, their children, and so on."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    parents = {each: found.parent for each in pids if (found := stat(each)) is not None}
    return [each for each in parents if pid in _ancestors(each, parents)]


def _ancestors(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    # A process that started while we looked may have a parent that ended meanwhile.
    while (parent := parents.get(pid)) is not None:
        yield parent
        pid = parent


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process and everything it started.

    The process's own are exact to the nanosecond: the clock of another process, as clock_getcpuclockid(3) makes its
    id. Those of ended children come in clock ticks.

    Raises:
        OSError: it is gone.
    """
    own = time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    found = stat(pid)
    return own + (found.children if found else 0.0) + sum(map(_cpu_of_child, children(pid)))


def _cpu_of_child(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except OSError:
        return 0.0  # it ended meanwhile


def resident_kilobytes(pid: int) -> int:
    """Return VmRSS in kB."""
    return parse_kilobytes(Path("/proc", str(pid), "status").read_text(), "VmRSS")


def proportional_kilobytes(pid: int) -> int:
    """Return Pss in kB: resident memory, pages that are shared counted by share."""
    return parse_kilobytes(Path("/proc", str(pid), "smaps_rollup").read_text(), "Pss")


def family_kilobytes(pid: int) -> int:
    """Return Pss in kB of a process and its children together."""
    program = Path("/proc", str(pid), "exe").readlink()
    return proportional_kilobytes(pid) + sum(_of_child(child, program) for child in children(pid))


def tree_kilobytes(pid: int) -> int:
    """Return Pss in kB of a process and everything that it started, directly or not."""
    return proportional_kilobytes(pid) + sum(map(_of_descendant, descendants(pid)))


def _of_descendant(pid: int) -> int:
    try:
        return proportional_kilobytes(pid)
    except (OSError, KeyError):
        return 0  # it ended meanwhile; a zombie has no memory


def _of_child(pid: int, parent: Path) -> int:
    try:
        # Until it has become another program, it uses its parent's memory (vfork(2)).
        is_copy = Path("/proc", str(pid), "exe").readlink() == parent
        return 0 if is_copy else proportional_kilobytes(pid)
    except (OSError, KeyError):
        return 0  # it ended meanwhile; a zombie has no memory
