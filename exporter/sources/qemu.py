"""Which QEMU processes are running guests, by the test that Proxmox itself makes.

``vm_running_locally`` in Proxmox's qemu-server (PVE/QemuServer/Helpers.pm): the process in the guest's pidfile is the
guest if it is a QEMU that was told of that very pidfile, and no zombie. So neither a pidfile that was left behind nor
a process id that was given out again makes a guest. ``qsd-<vmid>.pid`` beside it is a storage daemon's, and no guest's.
"""

from __future__ import annotations

import errno
import posixpath
from typing import TYPE_CHECKING

from exporter.procfs import text_of
from exporter.readings import Reason, SourceError
from exporter.sources.guest_files import is_guest, parse_options, parse_pids, parse_process, process_name

if TYPE_CHECKING:
    from pathlib import Path

GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ESRCH})
"""What the kernel answers for the files of a process or a cgroup that has just ended."""


class QemuProcesses:
    """Finds the process of a guest.

    Args:
        procfs: Where ``/proc`` is.
        run: Where ``/run`` is.
    """

    def __init__(self, procfs: Path, run: Path) -> None:
        self._procfs = procfs
        self._pidfiles = run / "qemu-server"
        self._known: dict[str, tuple[tuple[int, int], str]] = {}

    def find(self, vmid: str, scope: str) -> tuple[tuple[int, int], str] | None:
        """Return process id and start time, and the name it was started with; None when the guest does not run.

        QEMU makes its pidfile readable for root alone. Another user takes every process of the guest's cgroup,
        ``scope``, for a candidate, and puts it to the same test.

        Raises:
            SourceError: permission, when the processes are hidden from this user; parse.
            OSError: something could not be read.
        """
        try:
            candidates = parse_pids(text_of(f"{self._pidfiles}/{vmid}.pid"))[:1]
        except FileNotFoundError:
            return None
        except PermissionError:
            candidates = _members(scope)
        for pid in candidates:
            try:
                found = self._examine(pid, vmid)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                continue
            if found is not None:
                return found
        self._check_hidden(scope)
        return None

    def _examine(self, pid: int, vmid: str) -> tuple[tuple[int, int], str] | None:
        folder = f"{self._procfs}/{pid}"
        process = parse_process(text_of(f"{folder}/stat"))
        if not process.alive:
            return None
        known = self._known.get(vmid)
        if known is not None and known[0] == (pid, process.start):
            return known  # a process is told of its pidfile once
        options = parse_options(text_of(f"{folder}/cmdline"))
        if options is None or not is_guest(options, vmid):
            return None
        known = self._known[vmid] = ((pid, process.start), process_name(options))
        return known

    def _check_hidden(self, scope: str) -> None:
        """Tell a guest that ended from one whose process this user is not shown: its cgroup goes on naming that."""
        absent = {pid for pid in _members(scope) if not (self._procfs / str(pid)).exists()}
        if absent & set(_members(scope)):
            raise SourceError(
                Reason.PERMISSION,
                f"{posixpath.basename(scope)} has processes that {self._procfs} does not show: "
                "mount it without hidepid=, and run this service without ProtectProc=",
            )


def _members(scope: str) -> list[int]:
    return parse_pids(text_of(f"{scope}/cgroup.procs"))
