"""The service's own account: its user, groups and capabilities, as they are while it runs, else as they are set up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.where import text
from exporter.readings import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.doctor.where import Tools

SERVICE = "wattshift-exporter"
"""The user that the unit runs as, its group, and the unit."""

DAC_OVERRIDE, DAC_READ_SEARCH, SETGID, SETUID = 1 << 1, 1 << 2, 1 << 6, 1 << 7
"""Bits of capabilities (capabilities(7), linux/capability.h)."""

_STATUS = re.compile(r"^(Uid|Gid|Groups|CapEff):[ \t]*(.*)$", re.MULTILINE)
_FIELDS = 4
_READ = 4


@dataclass(frozen=True, slots=True)
class Account:
    """A user's number, those of its groups, the first of which is ``gid``, and its capabilities as bits."""

    uid: int
    gids: frozenset[int]
    gid: int = -1
    capabilities: int = 0

    def overrides(self, bits: int) -> bool:
        """Tell whether a capability gives ``bits`` (4 read, 2 write) on any file, whatever its mode."""
        return bool(self.capabilities & DAC_OVERRIDE or (bits == _READ and self.capabilities & DAC_READ_SEARCH))


def find(etc: Path, procfs: Path, tools: Tools) -> Account | None:
    """Return the account of the service that runs, else what ``passwd`` and ``group`` have for it, None: neither."""
    try:
        pid = tools.ask("systemctl", "systemd", "show", "--property=MainPID", "--value", SERVICE).text.strip()
    except SourceError:
        pid = "0"
    status = text(procfs / pid / "status") if pid.isdecimal() and int(pid) else None
    return (parse(status) if status else None) or configured(etc)


def parse(status: str) -> Account | None:
    """Return the account that /proc/<pid>/status tells (proc_pid_status(5)); effective numbers, the second of four."""
    fields = {name: value.split() for name, value in _STATUS.findall(status)}
    try:
        uid, gid = int(fields["Uid"][1]), int(fields["Gid"][1])
        groups = frozenset(int(group) for group in fields["Groups"])
        return Account(uid, groups | {gid}, gid, int(fields["CapEff"][0], 16))
    except (KeyError, IndexError, ValueError):
        return None


def configured(etc: Path) -> Account | None:
    """Return the service's user as ``passwd`` and ``group`` in ``etc`` have it (passwd(5), group(5)).

    Its unit starts it in the group of its name, if there is one, whichever the user's own is.
    """
    found = next((row for row in rows(etc / "passwd", _FIELDS) if row[0] == SERVICE), None)
    if found is None:
        return None
    beside = {int(row[2]) for row in rows(etc / "group", _FIELDS) if SERVICE in row[3].split(",")}
    named = group(etc)
    gid = int(found[3]) if named is None else named
    return Account(int(found[2]), frozenset(beside | {gid}), gid)


def group(etc: Path) -> int | None:
    """Return the number of the group that is called as the service, None when there is none."""
    return next((int(row[2]) for row in rows(etc / "group", _FIELDS) if row[0] == SERVICE), None)


def rows(path: Path, cells: int) -> list[list[str]]:
    """Return the lines of a file like passwd or group that have so many cells, and numbers where numbers belong."""
    found = [line.split(":") for line in (text(path) or "").splitlines()]
    return [
        row
        for row in found
        if len(row) >= cells and row[2].isdecimal() and (path.name == "group" or row[3].isdecimal())
    ]
