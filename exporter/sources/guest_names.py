"""The names that Proxmox's configuration gives its guests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from exporter.procfs import text_of
from exporter.sources.guest_files import configured_name

if TYPE_CHECKING:
    from pathlib import Path


class GuestNames:
    """Reads a guest's configuration when it has changed: on a node, every access to ``pve`` asks another program."""

    def __init__(self, pve: Path) -> None:
        self._pve = pve
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}

    def find(self, file: str, key: str) -> str:
        """Return the name in a file below ``pve``; nothing where there is none to be had.

        A name is a courtesy: for root and www-data alone, and on another node while a guest moves.
        """
        path = f"{self._pve}/{file}"
        try:
            status = os.stat(path)  # noqa: PTH116 - a path object for each guest would cost more than the kernel does
            version = (status.st_mtime_ns, status.st_ino, status.st_size)
            known = self._known.get(path)
            if known is None or known[0] != version:
                known = self._known[path] = (version, configured_name(text_of(path), key))
        except OSError:
            return ""
        return known[1]
