"""Reading the kernel's small files, with every refusal as a named reason."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 4096  # an attribute of sysfs is at most a page
_REASONS = {
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.ENOENT: Reason.MISSING,
    errno.ENODEV: Reason.MISSING,
    errno.ENXIO: Reason.MISSING,
    errno.EBUSY: Reason.BUSY,
    errno.EAGAIN: Reason.BUSY,
    errno.ETIMEDOUT: Reason.TIMEOUT,
}


def children(folder: Path) -> list[Path]:
    """Return what is in a folder, by name.

    Raises:
        SourceError: it cannot be listed.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise explain(error, folder) from error


def entries(folder: Path) -> tuple[tuple[str, int], ...]:
    """Return name and inode number of each thing in a folder, by name.

    The kernel numbers a device's entry anew each time it makes one (fs/kernfs: an id is not given out again), so as
    long as these stay the same, so do the devices.

    Raises:
        SourceError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return tuple(sorted((entry.name, entry.inode()) for entry in found))
    except OSError as error:
        raise explain(error, folder) from error


def text(path: Path | str) -> str:
    """Return what a file says, blanks stripped; what is no ASCII becomes U+FFFD.

    Raises:
        SourceError: it cannot be read.
    """
    return _read(path).strip()


def line(path: Path | str) -> str:
    """Return the line that a file holds, blanks stripped; what is no ASCII becomes U+FFFD.

    Raises:
        SourceError: it cannot be read; or parse, when the line has no end: it was cut short, and so may its figure be.
    """
    content = _read(path)
    if not content.endswith("\n"):
        raise SourceError(Reason.PARSE, f"{path}: {content[:40]!r} is not a whole line")
    return content.strip()


def explain(error: OSError, path: Path | str) -> SourceError:
    """Return the reason for an error number: what is neither right, absence nor haste is not supported.

    EINVAL, ENODATA, EOPNOTSUPP and EIO are what drivers answer for a sensor that this machine does not have.
    """
    return SourceError(_REASONS.get(error.errno or 0, Reason.UNSUPPORTED), f"{path}: {error.strerror}")


def _read(path: Path | str) -> str:
    # In sysfs one read gives all there is. A file object around it would take longer than the kernel does.
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, _MOST_BYTES).decode("ascii", errors="replace")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise explain(error, path) from error
