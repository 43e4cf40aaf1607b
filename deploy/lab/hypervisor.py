"""What a node's kernel and Proxmox show of the guests that run there.

``/proc/stat`` (proc_stat(5)), each guest's QEMU in ``/proc/<pid>`` with its pidfile, its cgroup
(Documentation/admin-guide/cgroup-v2.rst) and its configuration (qm.conf(5)), as qemu-server of Proxmox leaves them.
"""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MICRO = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")
_ARGUMENTS = (
    "/usr/bin/kvm",
    *("-id", "{vmid}"),
    *("-name", "{name},debug-threads=on"),
    *("-pidfile", "/var/run/qemu-server/{vmid}.pid"),
    "-daemonize",
)


@dataclass(frozen=True, slots=True)
class CpuUse:
    """How many of a node's processors are in use: in all, and by each guest."""

    busy: float
    guests: Mapping[int, float]


@dataclass
class _Guest:
    pid: int
    used: float = 0.0


class Hypervisor:
    """The files of one node that is on.

    Args:
        root: The folder that stands for ``/``.
        cpus: Logical processors.
    """

    def __init__(self, root: Path, cpus: int) -> None:
        self._cpus = cpus
        self._proc = root / "proc"
        self._cgroups = root / "sys" / "fs" / "cgroup"
        self._pidfiles = root / "run" / "qemu-server"
        self._configurations = root / "etc" / "pve" / "qemu-server"
        for folder in (self._proc, self._cgroups, self._pidfiles, self._configurations):
            folder.mkdir(parents=True, exist_ok=True)
        replace_text(self._cgroups / "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n")
        self._running: dict[int, _Guest] = {}
        self.reset()

    def reset(self) -> None:
        """Begin again as a machine that has just booted: no guests, and no time spent."""
        self.follow({})
        self._pids = itertools.count(1000)
        self._up = self._busy = self._in_guests = 0.0
        self._write_machine()

    def advance(self, use: CpuUse, seconds: float) -> None:
        """Let the processors be used like this for so long."""
        self._up += seconds
        self._busy += use.busy * seconds
        for vmid, guest in self._running.items():
            used = use.guests.get(vmid, 0.0) * seconds
            self._in_guests += used
            guest.used += used
            self._write_usage(vmid, guest)
        self._write_machine()

    def follow(self, names: Mapping[int, str]) -> None:
        """Let exactly these guests run: vmid -> name. Who stays runs on."""
        for vmid in self._running.keys() - names.keys():
            self._stop(vmid)
        for vmid in names.keys() - self._running.keys():
            self._start(vmid, names[vmid])

    def _start(self, vmid: int, name: str) -> None:
        guest = self._running[vmid] = _Guest(next(self._pids))
        process, scope = self._proc / str(guest.pid), self._scope(vmid)
        process.mkdir()
        scope.mkdir(parents=True)
        command = "".join(argument.format(vmid=vmid, name=name) + "\0" for argument in _ARGUMENTS)
        replace_text(process / "cmdline", command)
        start = int(self._up * _TICKS)
        replace_text(process / "stat", f"{guest.pid} (kvm) S 1 {'0 ' * 17}{start} 0 0 0\n")
        replace_text(scope / "cgroup.procs", f"{guest.pid}\n")
        self._write_usage(vmid, guest)
        replace_text(self._configurations / f"{vmid}.conf", f"name: {name}\n")
        replace_text(self._pidfiles / f"{vmid}.pid", f"{guest.pid}\n")

    def _stop(self, vmid: int) -> None:
        guest = self._running.pop(vmid)
        (self._pidfiles / f"{vmid}.pid").unlink()
        (self._configurations / f"{vmid}.conf").unlink()
        shutil.rmtree(self._proc / str(guest.pid))
        shutil.rmtree(self._scope(vmid))

    def _scope(self, vmid: int) -> Path:
        return self._cgroups / "qemu.slice" / f"{vmid}.scope"

    def _write_usage(self, vmid: int, guest: _Guest) -> None:
        microseconds = int(guest.used * _MICRO)
        text = f"usage_usec {microseconds}\nuser_usec {microseconds}\nsystem_usec 0\n"
        replace_text(self._scope(vmid) / "cpu.stat", text)

    def _write_machine(self) -> None:
        busy, guests = int(self._busy * _TICKS), int(self._in_guests * _TICKS)
        idle = int(self._up * self._cpus * _TICKS) - busy
        replace_text(self._proc / "stat", f"cpu  {busy} 0 0 {idle} 0 0 0 0 {guests} 0\n")
