"""The machine that is measured: its trees, its process, and the BMCs beside it."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.exporter.proxmox import ProxmoxNode

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FLEET = 100
_PORT = 6230
_VIRTUAL_MACHINES = range(100, 116)
_CONTAINERS = range(200, 204)
_HWMON = {"name": "power_meter", "power1_average": "187000000", "power1_average_interval": "1000"}


class Machine:
    """A machine with everything that the exporter can read, in folders.

    Attributes:
        sysfs: Its /sys.
        flags: What the exporter must be told to read all of it.
        bmc: The address of its BMC.
        fleet: The addresses of a hundred other BMCs.
        port: The UDP port of each.
    """

    def __init__(self, folder: Path) -> None:
        numbers = random.SystemRandom()
        network = f"127.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}"
        self.sysfs = folder / "sys"
        self.fleet = [f"{network}.{number}" for number in range(1, FLEET + 1)]
        self.bmc = f"{network}.201"
        self.hanging_bmc = f"{network}.202"
        self.port = _PORT
        self._folder = folder
        self._settle_guests()
        shutil.copytree(ROOT / "tests/fixtures/machines/intel-desktop/sys", self.sysfs, dirs_exist_ok=True)
        roots = {"sysfs": "sys", "procfs": "proc", "run": "run", "pve": "pve"}
        self.flags = [f"--path.{flag}={folder / name}" for flag, name in roots.items()]
        hwmon = self.sysfs / "class" / "hwmon" / "hwmon0"
        hwmon.mkdir(parents=True)
        for name, text in _HWMON.items():
            (hwmon / name).write_text(f"{text}\n")

    def _settle_guests(self) -> None:
        node = ProxmoxNode(self._folder)
        for vmid in _VIRTUAL_MACHINES:
            node.start_vm(vmid)
            node.configure(f"qemu-server/{vmid}.conf", f"cores: 2\nname: guest{vmid}\nmemory: 2048\n")
        for ctid in _CONTAINERS:
            node.start_container(ctid)
            node.configure(f"lxc/{ctid}.conf", f"arch: amd64\nhostname: guest{ctid}\n")

    @contextmanager
    def running(self) -> Iterator[Site]:
        """Let its counters run and the BMCs answer; the one that hangs does so from the start."""
        command = [sys.executable, "-m", "tests.bench.site", f"--port={self.port}"]
        command += [f"--machine={self._folder}", self.bmc, self.hanging_bmc, *self.fleet]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            site = Site(process)
            site.hang([self.hanging_bmc])
            yield site
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe


class Site:
    """The way to the process that plays the machine."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._hear()

    def hang(self, addresses: list[str]) -> None:
        """Let these BMCs open sessions and then fall silent."""
        for address in addresses:
            self._say(f"hang {address}")

    def answer(self, addresses: list[str]) -> None:
        """Let these BMCs answer again."""
        for address in addresses:
            self._say(f"answer {address}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self._hear()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the simulated machine ended; its error is above")
