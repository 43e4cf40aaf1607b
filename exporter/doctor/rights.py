"""Who may use a file: this process, and the service's own user."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.account import rows

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.doctor.account import Account


@dataclass(frozen=True, slots=True)
class Rights:
    """A file's permissions, and whether this process may use it as asked."""

    path: Path
    mode: int
    uid: int
    gid: int
    owner: str
    ours: bool

    def allow(self, account: Account, bits: int) -> bool:
        """Tell whether an account may use it for ``bits`` (4 read, 2 write), by the mode or by a capability."""
        if account.overrides(bits):
            return True
        if account.uid == self.uid:
            return self.mode >> 6 & bits == bits
        if self.gid in account.gids:
            return self.mode >> 3 & bits == bits
        return self.mode & bits == bits

    def __str__(self) -> str:
        return f"{self.owner} {self.mode:04o}"


def look(path: Path, etc: Path, bits: int) -> Rights | None:
    """Return a file's rights, or None when there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    owner, group = _name(etc / "passwd", found.st_uid), _name(etc / "group", found.st_gid)
    ours = os.access(path, bits, effective_ids=True)
    return Rights(path, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, f"{owner}:{group}", ours)


def _name(path: Path, number: int) -> str:
    return next((row[0] for row in rows(path, 4) if int(row[2]) == number), str(number))
