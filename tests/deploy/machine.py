"""A Debian release as a machine: systemd its first process, a powercap tree whose counters run, a network of its own.

Namespaces and memory are all it is made of (``boot.sh``), so that it comes up in a second and leaves nothing behind.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.exporter.worlds import write_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent

SYSTEMD = ("/lib/systemd/systemd", "multi-user.target")
NO_SYSTEMD = ("/bin/sleep", "infinity")
WATTS = 40.0
"""What each counter of the tree runs at."""

_START = 10_000_000_000  # microjoules; no digit more comes while a test lasts
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd")


@dataclass(frozen=True)
class Machine:
    """A machine that runs."""

    pid: int
    """Its first process, as this machine counts."""

    def run(self, *command: str, stdin: str = "", timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command as the machine's root; standard output and error come as one text."""
        return subprocess.run(
            ["nsenter", f"--target={self.pid}", *_NAMESPACES, *_environment(), *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def do(self, *command: str, stdin: str = "") -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*command, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(command)}: status {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def path(self, name: str) -> Path:
        """Return the way from here to one of its files."""
        return Path(f"/proc/{self.pid}/root/{name.lstrip('/')}")

    def install(self, package: Path, *options: str) -> str:
        """Install a package with apt, as an administrator would; it has no network to fetch from."""
        self.path(f"/srv/{package.name}").write_bytes(package.read_bytes())
        return self.do("apt-get", "-y", *options, "install", f"/srv/{package.name}")

    def metrics_with(self, *parts: str, url: str = "http://127.0.0.1:19100", ca: str = "") -> str:
        """Return the first scrape of its exporter that has a line beginning with each of these parts."""
        return self.do("/usr/bin/python3", "-I", "-", url, ca, *parts, stdin=(HERE / "scrape.py").read_text())

    def property(self, name: str) -> str:
        """Return what systemd holds of the exporter's unit."""
        return self.do("systemctl", "show", "--value", f"--property={name}", "wattshift-exporter")

    def await_failure(self) -> None:
        """Wait until systemd has given the exporter's unit up."""
        self.do(
            "timeout", "20", "sh", "-c", "until systemctl --quiet is-failed wattshift-exporter; do sleep 0.05; done"
        )

    @contextmanager
    def bmc(self) -> Iterator[None]:
        """Run the lab's BMC on the machine's loopback."""
        command = ["nsenter", f"--target={self.pid}", "--net", sys.executable, "-m", "tests.deploy.bmc"]
        with subprocess.Popen(command, cwd=HERE.parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == b"ready\n"
            yield
            process.stdin.close()


@contextmanager
def booted(root: Path, folder: Path, init: tuple[str, ...] = SYSTEMD) -> Iterator[Machine]:
    """Let a machine with this root file system run; ``folder`` holds its /sys/class."""
    zones = [
        write_zone(folder, "intel-rapl:0", "package-0", _START),
        write_zone(folder, "intel-rapl:0:0", "dram", _START),
        write_zone(folder, "intel-rapl-mmio:0", "package-0", _START),  # all that Debian 12's powerstat sees
    ]
    for zone in zones:
        (zone / "energy_uj").chmod(0o400)
    with ExitStack() as stack:
        stack.enter_context(_running([zone / "energy_uj" for zone in zones]))
        process = stack.enter_context(
            subprocess.Popen(
                ["unshare", "--mount", "sh", HERE / "boot.sh", root, folder / "class", *init],
                stdin=subprocess.PIPE,  # closed when we end, however we end, and then the machine ends
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "the machine did not start: namespaces and mounts must be allowed here"
        machine = Machine(int(first))
        if init == SYSTEMD:
            _await_boot(machine)
        yield machine


def _await_boot(machine: Machine) -> None:
    give_up = time.monotonic() + 60.0
    while (state := machine.run("systemctl", "is-system-running", "--wait").stdout.strip()) != "running":
        assert time.monotonic() < give_up, f"systemd does not come up: {state}"
        time.sleep(0.05)  # it does not listen yet


@contextmanager
def _running(counters: list[Path]) -> Iterator[None]:
    """Let the counters run, each written in place, so that it keeps its owner and its mode."""
    stop = threading.Event()

    def run() -> None:
        began = time.monotonic()
        while not stop.wait(0.005):
            energy = _START + int((time.monotonic() - began) * WATTS * 1e6)
            for counter in counters:
                with counter.open("r+") as file:
                    file.write(f"{energy}\n")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _environment() -> list[str]:
    return [
        "/usr/bin/env",
        "-i",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
        "LC_ALL=C.UTF-8",
    ]
