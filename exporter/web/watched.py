"""A file whose changes are noticed by looking."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Stamp = tuple[int, ...] | None

# A file system's clock may tick as rarely as this (FAT, some network file systems): what was written within the last
# tick may be written again without a newer time, so until then only the contents tell.
_TICK_NANOSECONDS = 2_000_000_000
_MOST_BYTES = 1 << 20


def stamp(path: Path) -> Stamp:
    """Return what tells two states of a file apart, the time of its last change last; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Watched:
    """A file as it is at the moment; ``now`` is the time in nanoseconds since the epoch."""

    def __init__(self, path: Path, now: Callable[[], int], stamp_of: Callable[[Path], Stamp] = stamp) -> None:
        self.path = path
        self._now = now
        self._stamp_of = stamp_of
        self._look()

    def _look(self) -> None:
        # The stamp comes first: what changes after that has another one when looked at again.
        now, self._stamp = self._now(), self._stamp_of(self.path)
        self._settled = self._stamp is None or abs(now - self._stamp[-1]) > _TICK_NANOSECONDS
        self._contents = _contents(self.path)

    def contents(self) -> bytes:
        """Return what was in it.

        Raises:
            OSError: it could not be read.
        """
        if isinstance(self._contents, OSError):
            raise self._contents
        return self._contents

    def has_changed(self) -> bool:
        """Say whether something else is in it now. That is not looked at more closely than needed."""
        if self._settled and self._stamp_of(self.path) == self._stamp:
            return False
        before = self._contents
        self._look()
        now = self._contents
        if isinstance(before, OSError) and isinstance(now, OSError):
            return before.errno != now.errno
        return before != now


def _contents(path: Path) -> bytes | OSError:
    try:
        # Without O_NONBLOCK a named pipe would hold up everything until somebody writes to it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return OSError(errno.EINVAL, "it is no regular file")
            contents = file.read(_MOST_BYTES + 1)
    except OSError as error:
        return error.with_traceback(None)
    return contents if len(contents) <= _MOST_BYTES else OSError(errno.EFBIG, f"it has more than {_MOST_BYTES} bytes")
