"""What a check may look at: the roots of the machine's trees, its tools, and what the power sources say."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.child import Slot, find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.child import Ended
    from exporter.doctor.account import Account
    from exporter.readings import SourceState
    from exporter.settings import Settings

_SBIN = ("/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Where:
    """A machine, as the checks are shown it.

    ``state`` waits until the sources have been read, and gives None for one that is switched off; ``ask`` runs a tool
    (name, Debian package, arguments) and raises `SourceError`, as a source does; ``has`` tells whether it is there.
    """

    settings: Settings
    state: Callable[[str], SourceState | None]
    ask: Callable[..., Ended]
    has: Callable[[str], bool]
    service: Account | None = None
    """The service's own account, for which files are judged."""

    @property
    def cluster(self) -> Path:
        """Proxmox's own configuration, though the service be shown no more than a mirror of the guests' names."""
        own = self.settings.etc / "pve"
        return own if names(own) else self.settings.pve


class Tools:
    """Runs outside tools, each with a deadline, and ends them all when told."""

    def __init__(self, environment: Mapping[str, str], deadline: float) -> None:
        self._environment = dict(environment) | {"LC_ALL": "C"}
        self._deadline = deadline
        self._lock = threading.Lock()
        self._slots: list[Slot] = []
        self._closed = False

    def has(self, name: str) -> bool:
        """Tell whether a tool is on PATH."""
        return shutil.which(name, path=self._environment.get("PATH", os.defpath)) is not None

    def ask(self, name: str, package: str, *arguments: str) -> Ended:
        """Return what the tool says.

        Raises:
            SourceError: it is not installed, cannot be started, or does not end in time.
        """
        program = find_program(name, package, self._environment)
        slot = Slot()
        with self._lock:
            self._slots.append(slot)
            if self._closed:
                slot.close()
        return slot.start([program, *arguments], self._environment).output(self._deadline)

    def close(self) -> None:
        """Kill what still runs, and start no more."""
        with self._lock:
            self._closed = True
            for slot in self._slots:
                slot.close()


def with_sbin(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the folders of Debian's administrator tools, which a user's PATH leaves out.

    powerstat and ethtool live there. A PATH that is not a system's own is left as it is.
    """
    folders = environment.get("PATH", os.defpath).split(":")
    if "/usr/bin" in folders:
        folders += [folder for folder in _SBIN if folder not in folders]
    return dict(environment) | {"PATH": ":".join(folders)}


def text(path: Path) -> str | None:
    """Return what is in a file, blanks around it stripped, or None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def names(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none when it cannot be listed."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
