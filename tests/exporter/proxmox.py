"""A Proxmox node's files as far as its guests show in them, written by hand of a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.readings import Snapshot, SourceState
from exporter.settings import Pace
from exporter.sources.guests import CPU_SECONDS, Guests, Places, newest_window
from tests.exporter.worlds import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.cpu_window import CpuWindow
    from exporter.readings import Sample

SECOND = 1_000_000
"""In microseconds."""

TICKS_PER_SECOND = 100
_KVM = (
    "/usr/bin/kvm\0-id\0{vmid}\0-name\0{name},debug-threads=on\0-pidfile\0/var/run/qemu-server/{vmid}.pid\0-daemonize\0"
)


def machine_stat(user: int = 0, nice: int = 0, system: int = 0, idle: int = 0, guest: int = 0) -> str:
    """Return a ``/proc/stat`` with these ticks."""
    return f"cpu  {user} {nice} {system} {idle} 0 0 0 0 {guest} 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 12 0 3\nctxt 99\n"


def process_stat(pid: int, command: str = "kvm", state: str = "S", start: int = 5000) -> str:
    """Return a ``/proc/<pid>/stat``."""
    return f"{pid} ({command}) {state} 1 {pid} {pid} 0 -1 4194560 {'1 ' * 12}{start} 4096 100 18446744073709551615\n"


def cpu_stat(microseconds: int) -> str:
    """Return a ``cpu.stat`` of cgroup v2."""
    return f"usage_usec {microseconds}\nuser_usec {microseconds}\nsystem_usec 0\nnice_usec 0\nnr_periods 0\n"


class ProxmoxNode:
    """A node without guests, to begin with."""

    def __init__(self, root: Path) -> None:
        self.places = Places(root / "sys", root / "proc", root / "run", root / "pve")
        self.cgroups = self.places.sysfs / "fs" / "cgroup"
        self.pidfiles = self.places.run / "qemu-server"
        self.clock = ManualClock()
        self._pids = itertools.count(1000)
        for folder in (self.cgroups, self.places.procfs, self.pidfiles):
            folder.mkdir(parents=True)
        (self.cgroups / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        self.spend()

    def source(self, deadline: float = 2.0) -> Guests:
        """Return the source that reads this node."""
        return Guests(self.places, Pace(5.0, deadline), TICKS_PER_SECOND, self.clock.clock)

    def spend(self, work: int = 0, idle: int = 0) -> None:
        """Set the machine's ticks since boot."""
        (self.places.procfs / "stat").write_text(machine_stat(user=work, idle=idle))

    def scope(self, vmid: int) -> Path:
        """Return where a virtual machine's cgroup is."""
        return self.cgroups / "qemu.slice" / f"{vmid}.scope"

    def container(self, ctid: int) -> Path:
        """Return where a container's cgroup is."""
        return self.cgroups / "lxc" / str(ctid)

    def start_vm(self, vmid: int, name: str = "web", microseconds: int = 0) -> int:
        """Let a virtual machine run; return its process id."""
        pid = next(self._pids)
        process = self.places.procfs / str(pid)
        process.mkdir()
        (process / "cmdline").write_text(_KVM.format(vmid=vmid, name=name))
        (process / "stat").write_text(process_stat(pid, start=pid))
        self.scope(vmid).mkdir(parents=True)
        (self.scope(vmid) / "cgroup.procs").write_text(f"{pid}\n")
        (self.scope(vmid) / "cpu.stat").write_text(cpu_stat(microseconds))
        (self.pidfiles / f"{vmid}.pid").write_text(f"{pid}\n")
        return pid

    def stop_vm(self, vmid: int) -> None:
        """End a virtual machine, and tidy up after it as Proxmox does."""
        pid = (self.pidfiles / f"{vmid}.pid").read_text().strip()
        shutil.rmtree(self.places.procfs / pid)
        shutil.rmtree(self.scope(vmid))
        (self.pidfiles / f"{vmid}.pid").unlink()

    def start_container(self, ctid: int, microseconds: int = 0, *, populated: bool = True) -> None:
        """Let a container run, or leave its empty cgroup behind."""
        self.container(ctid).mkdir(parents=True)
        (self.container(ctid) / "cgroup.events").write_text(f"populated {populated:d}\nfrozen 0\n")
        (self.container(ctid) / "cpu.stat").write_text(cpu_stat(microseconds))

    def configure(self, path: str, text: str) -> None:
        """Write a guest's configuration below ``/etc/pve``."""
        file = self.places.pve / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextmanager
def open_node() -> Iterator[ProxmoxNode]:
    """Give a node that anybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield ProxmoxNode(Path(name))


def seconds(sample: Sample) -> dict[tuple[str, ...], float]:
    """Return the CPU seconds of the guests that run."""
    return {reading.labels: reading.value for reading in sample.readings if reading.family == CPU_SECONDS}


def window(sample: Sample) -> CpuWindow | None:
    """Return the window in a sample, as a scrape finds it."""
    return newest_window(Snapshot((state_of(sample),)))


def state_of(sample: Sample) -> SourceState:
    """Return the source as the sampler shows it after this sample."""
    return SourceState("guests", sample.up, sample.readings, sample.failures, None, None, {}, 2)
