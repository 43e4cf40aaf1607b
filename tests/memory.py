"""Where the tests keep their files: in memory where that is a folder like any other, since thousands are replaced.

Replacing a file makes ext4 write the new one out at once (mount option ``auto_da_alloc``, ext4(5)); a commit of SQLite
waits for the disk. Neither is what a test is about: what a killed process has written is there in memory as well.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - every folder below it is made by tempfile or pytest
ROOM_BYTES = 2 << 30
"""What a run may need at once: a PostgreSQL server for each worker, and what failed tests leave behind."""

# Containers often mount it so that no program of it may run, no device be opened: tests do both.
_IN_THE_WAY = os.ST_NOEXEC | os.ST_NODEV | os.ST_NOSUID | os.ST_RDONLY


def roomy(folder: Path, needed: int = ROOM_BYTES) -> bool:
    """Tell whether a folder can hold what tests make: programs and devices among it, of so many bytes in all."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & _IN_THE_WAY and found.f_bavail * found.f_frsize >= needed


def use(folder: Path = SHARED_MEMORY) -> None:
    """Let temporary files lie there, those of child processes too, unless somebody chose a place or it will not do."""
    if "TMPDIR" not in os.environ and roomy(folder):
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
