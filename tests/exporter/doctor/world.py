"""Machines for the doctor: their trees under one folder, the tools on their PATH, and what their sources say."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.doctor.account import configured
from exporter.doctor.where import Tools, Where
from exporter.readings import SourceState
from exporter.settings import Settings
from tests.exporter.recordings import FIXTURES, write_program
from tests.exporter.worlds import write_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from exporter.readings import Failure, Reading

SERVICE = "wattshift-exporter"
ROOTS = ("sysfs", "procfs", "etc", "dev", "pve", "run")


class World:
    """A machine that is being made; users are called as if the one who runs the tests were root."""

    def __init__(self, root: Path) -> None:
        for name in (*ROOTS, "bin"):
            (root / name).mkdir(parents=True)
        self.root = root
        self.tools = root / "bin"
        self.write("etc/passwd", f"root:x:{os.getuid()}:{os.getgid()}:root:/root:/bin/bash\n")
        self.write("etc/group", f"root:x:{os.getgid()}:\n")

    def write(self, path: str, text: str = "") -> Path:
        """Write a file of the machine's."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def install(self, *, in_owners_group: bool = False) -> None:
        """Install the service's user; files it is given belong to its group."""
        gid = os.getgid() if in_owners_group else 65001
        passwd, group = self.root / "etc/passwd", self.root / "etc/group"
        passwd.write_text(passwd.read_text() + f"{SERVICE}:x:65001:{gid}::/nonexistent:/usr/sbin/nologin\n")
        group.write_text(f"{SERVICE}:x:{gid}:\n" if in_owners_group else group.read_text() + f"{SERVICE}:x:{gid}:\n")

    def zone(self, folder: str, name: str, mode: int = 0o400) -> None:
        """Add an energy counter."""
        (write_zone(self.root / "sysfs", folder, name, 1_000_000) / "energy_uj").chmod(mode)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let all energy counters run while the block does."""
        stop = threading.Event()
        files = list((self.root / "sysfs").glob("class/powercap/*/energy_uj"))

        def run() -> None:
            joules = 1
            while not stop.wait(0.01):
                joules += 1
                for file in files:
                    new = file.with_name("new")
                    new.unlink(missing_ok=True)
                    new.write_text(f"{joules * 1_000_000}\n")
                    new.chmod(file.stat().st_mode)
                    new.rename(file)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def device(self, name: str, mode: int = 0o600) -> None:
        """Add something to /dev."""
        self.write(f"dev/{name}").chmod(mode)

    def processor(self, vendor: str = "GenuineIntel", *, virtual: bool = False) -> None:
        """Say what the processor is."""
        flags = "fpu vme de" + (" hypervisor lahf_lm" if virtual else "")
        self.write("procfs/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n\n")

    def net(self, name: str, *lower: str, card: bool = False, mac: str = "0a:00:00:00:00:01") -> Path:
        """Add a network device that stands on others."""
        folder = self.root / "sysfs/class/net" / name
        self.write(f"sysfs/class/net/{name}/address", f"{mac}\n")
        self.write(f"sysfs/class/net/{name}/type", "1\n")
        for below in lower:
            (folder / f"lower_{below}").symlink_to(f"../{below}")
        if card:
            (folder / "device").mkdir()
        return folder

    def bridge(self, name: str, *ports: str) -> None:
        """Add a bridge."""
        (self.net(name, *ports) / "bridge").mkdir()

    def proxmox(self, node: str) -> None:
        """Make it a Proxmox node of this name."""
        self.write(f"pve/nodes/{node}/lrm_status")
        (self.root / "pve/local").symlink_to(f"nodes/{node}")

    def tool(self, name: str, script: str) -> None:
        """Put a shell script on the machine's PATH, and what it needs."""
        write_program(self.tools, name, script)
        for needed in ("cat", "sleep", "stdbuf"):
            if not (self.tools / needed).exists():
                (self.tools / needed).symlink_to(shutil.which(needed) or needed)

    def ethtool(self, fixture: str) -> None:
        """Let ethtool print a fixture for every card."""
        self.tool("ethtool", f"cat {shlex.quote(str(FIXTURES / 'ethtool' / fixture))}.txt")

    def settings(self, node: str = "pve2") -> Settings:
        """Return the settings of an exporter on this machine."""
        paths = {name: self.root / name for name in ROOTS}
        return Settings(
            node=node,
            sysfs=paths["sysfs"],
            procfs=paths["procfs"],
            etc=paths["etc"],
            dev=paths["dev"],
            pve=paths["pve"],
            run=paths["run"],
        )

    def where(self, *states: SourceState, settings: Settings | None = None) -> Where:
        """Return the machine as a check is shown it."""
        known = {state.source: state for state in states}
        tools = Tools({"PATH": str(self.tools)}, deadline=60.0)
        return Where(settings or self.settings(), known.get, tools.ask, tools.has, configured(self.root / "etc"))

    def flags(self) -> list[str]:
        """Return the flags by which the real process sees this machine."""
        return ["--node=pve2", *(f"--path.{name}={self.root / name}" for name in ROOTS)]


def state(
    source: str, readings: Iterable[Reading] = (), failures: Iterable[Failure] = (), *, up: bool | None = True
) -> SourceState:
    """Return a source's state."""
    return SourceState(source, up, tuple(readings), tuple(failures), None, None, {}, 2)
