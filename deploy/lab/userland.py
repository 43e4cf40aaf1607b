"""Debian systems in a folder each: what a node is made of, and the machine that is always on, to install into.

mmdebstrap(1) makes them with the machine's own apt, from where the machine's own packages come. They are kept, and
used as they are: who changes something does so in a layer of its own (overlayfs).
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.debian import DebianError, apt_get, run, unpack
from deploy.lab.tools import FolderLock

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

RELEASES = ("bookworm", "trixie")
"""Debian 12 and 13: what Proxmox VE 8 and 9 stand on."""

CONTROL = RELEASES[0]
"""The one with everything that the documentation has apt install, for a node as for the machine that is always on.

Its nodes have it too, since a system of its own would take another minute to make; those of the other release do not.
"""

# What every node has, and what the exporter's package depends on and recommends, each in the release's own version.
_NODE = ("systemd", "udev", "python3", "python3-prometheus-client", "ipmitool", "powerstat")
_CONTROL = (
    "procps",  # on every Debian that an installer made; units reload by its kill
    *("python3-venv", "ca-certificates", "curl", "openssl", "sqlite3", "prometheus", "prometheus-alertmanager"),
)
# Whoever wants them starts them: no node runs them, and Alertmanager as Debian sets it up fails without a network.
_SERVICES = ("prometheus", "prometheus-alertmanager")
_KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
_SOURCES = "$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(RELEASE) $(SITE)"


@dataclass(frozen=True, slots=True)
class Userlands:
    """Makes each release once, below ``root``."""

    root: Path
    toolbox: Toolbox

    def find(self, release: str) -> Path:
        """Return the folder with a release's root file system, made first if need be.

        All releases are made at once: whoever needs one will need the others, and each keeps one processor busy.

        Raises:
            DebianError: it cannot be made; the message says why.
        """
        if os.geteuid() != 0:
            message = f"Only root can unpack Debian's {release} as a system of its own: run this as root."
            raise DebianError(message)
        self.root.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as pool:
            return dict(zip(RELEASES, pool.map(self._ensure, RELEASES), strict=True))[release]

    @property
    def _apt(self) -> Path:
        # apt's lists name every release that the machine's sources do, so one set of them is enough.
        return self.root / ".apt"

    def _ensure(self, release: str) -> Path:
        folder, stamp = self.root / release, self.root / f"{release}.packages"
        packages = (*_NODE, *_CONTROL) if release == CONTROL else _NODE
        with FolderLock(self.root / f".{release}.lock"):
            if not stamp.exists() or stamp.read_text() != " ".join(packages):
                stamp.unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)
                self._make(release, packages, folder)
                stamp.write_text(" ".join(packages))
        return folder

    def _make(self, release: str, packages: tuple[str, ...], folder: Path) -> None:
        # mmdebstrap knows the keys of releases newer than the machine only from the newest keyring.
        with FolderLock(self.root / ".apt.lock"):
            keyring = self._apt / "root"
            if not (keyring / _KEYRING).exists():
                unpack(["debian-archive-keyring"], self._apt)
        run(
            [
                str(self.toolbox.find("mmdebstrap")),
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                "--dpkgopt=force-unsafe-io",  # waiting for the disk at each file takes as long as all the rest
                f"--keyring={keyring.resolve() / _KEYRING}",
                f"--include={','.join(packages)}",
                *(f'--customize-hook=chroot "$1" systemctl disable {name}' for name in _SERVICES if name in packages),
                *(f"--aptopt={line}" for line in run(["apt-config", "dump"]).splitlines() if _is_way(line)),
                release,
                str(folder),
                self._mirror(release),
            ]
        )

    def _mirror(self, release: str) -> str:
        lists = run([*apt_get(self._apt), "indextargets", "--format", _SOURCES])
        for line in lists.splitlines():
            match line.split():
                case ["Packages", "Debian", "main", suite, site] if "-" not in suite:
                    return site
        message = f"apt has no source of Debian's main archive, so {release} cannot be made: see sources.list(5)."
        raise DebianError(message)


def _is_way(line: str) -> bool:
    """Tell whether a line of apt's configuration says how to reach the network."""
    return line.startswith(("Acquire::http::", "Acquire::https::")) and not line.endswith(' "";')
