"""The real tools the lab runs: found on PATH, else Debian's packages unpacked into the lab's folder."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.debian import unpack
from deploy.lab.relocation import mend_links, wrapper

if TYPE_CHECKING:
    from pathlib import Path

# name asked for -> (names it goes by, Debian package)
_TOOLS: dict[str, tuple[tuple[str, ...], str]] = {
    "prometheus": (("prometheus",), "prometheus"),
    "promtool": (("promtool",), "prometheus"),
    # Upstream's binary is `alertmanager`; Debian's is `prometheus-alertmanager`.
    "alertmanager": (("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager"),
    "amtool": (("amtool",), "prometheus-alertmanager"),
    "ipmitool": (("ipmitool",), "ipmitool"),
    "powerstat": (("powerstat",), "powerstat"),
    "ethtool": (("ethtool",), "ethtool"),
    "systemd-analyze": (("systemd-analyze",), "systemd"),
    "systemd-sysusers": (("systemd-sysusers",), "systemd"),
    "mmdebstrap": (("mmdebstrap",), "mmdebstrap"),
    "lintian": (("lintian",), "lintian"),
    "buildah": (("buildah",), "buildah"),
    "initdb": (("initdb",), "postgresql-15"),
    "postgres": (("postgres",), "postgresql-15"),
    "pg_dump": (("pg_dump",), "postgresql-client-15"),
    "pg_restore": (("pg_restore",), "postgresql-client-15"),
    # What an operator looks through; Debian's own wrapper of it runs only where it is installed.
    "chromium": (("chromium-headless-shell", "chromium"), "chromium-headless-shell"),
    # What others measure the same with: make bench runs them beside the exporter.
    "node_exporter": (("prometheus-node-exporter", "node_exporter"), "prometheus-node-exporter"),
    "ipmi_exporter": (("prometheus-ipmi-exporter", "ipmi_exporter"), "prometheus-ipmi-exporter"),
    "ipmi-dcmi": (("ipmi-dcmi",), "freeipmi-tools"),
    # What one would take instead of the actuator: make bench runs a script like the original one with them.
    "webhook": (("webhook",), "webhook"),
    "wakeonlan": (("wakeonlan",), "wakeonlan"),
}
# Debian keeps several versions of it side by side, so its programs are not on PATH.
_APART = "/usr/lib/postgresql/15/bin"


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Finds each tool; what PATH lacks is unpacked under ``root`` once and given a wrapper that just runs."""

    root: Path

    @property
    def bin(self) -> Path:
        """The folder of wrappers; put it on PATH for programs that look their tools up themselves."""
        return self.root / "bin"

    def find(self, name: str) -> Path:
        """Return an executable for ``name``: a tool of the table above.

        Raises:
            KeyError: no such tool is known here.
            DebianError: the tool is not on PATH and its package could not be fetched.
        """
        names, package = _TOOLS[name]
        for candidate in names:
            found = shutil.which(candidate, path=f"{os.environ.get('PATH', os.defpath)}:{_APART}")
            if found is not None:
                return self._link(name, found)
        script = self.bin / name
        with self._lock():
            if not script.exists():
                script.unlink(missing_ok=True)  # a link to a tool that has gone
                self._wrap(package)
        return script

    def _link(self, name: str, found: str) -> Path:
        # The folder of wrappers holds every tool asked for, whichever way it came.
        with self._lock():
            link = self.bin / name
            if not link.exists():  # also true of a link whose tool has gone
                link.unlink(missing_ok=True)
                link.symlink_to(found)
        return link

    def _wrap(self, package: str) -> None:
        """Unpack a package and wrap every tool of it: a second time would undo what wrapping did to its binaries."""
        unpacked = unpack([package], self.root).resolve()
        mend_links(unpacked)
        for name, (names, origin) in _TOOLS.items():
            script = self.bin / name
            if origin == package and not script.is_symlink():
                script.write_text(wrapper(_binary(unpacked, names), unpacked))
                script.chmod(0o755)

    def _lock(self) -> FolderLock:
        self.bin.mkdir(parents=True, exist_ok=True)
        return FolderLock(self.root / ".lock")


def _binary(unpacked: Path, names: tuple[str, ...]) -> Path:
    return next(
        path
        for folder in ("usr/lib/chromium", "usr/bin", "usr/sbin", "bin", "sbin", _APART.lstrip("/"))
        for name in names
        if (path := unpacked / folder / name).exists()
    )


class FolderLock:
    """Keeps two test workers from unpacking into one folder at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
