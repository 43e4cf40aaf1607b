"""Running guests of Proxmox VE and the CPU time each used, from control groups; no power by itself.

A virtual machine's processes are in ``qemu.slice/<vmid>.scope``, a container's in ``lxc/<ctid>`` (its monitor, in
``lxc.monitor/<ctid>``, is the host's), both in cgroup v2 under ``<sysfs>/fs/cgroup``. ``usage_usec`` in ``cpu.stat``
counts microseconds on a processor, those inside the guest among them
(Documentation/admin-guide/cgroup-v2.rst). Ids are those of prometheus-pve-exporter, so series can be joined on them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from exporter.cpu_window import CpuWindow, GuestTime, Look, measure
from exporter.procfs import text_of
from exporter.readings import Clock, Failure, Family, Reading, Reason, Sample, SourceError
from exporter.sources.guest_files import parse_keyed, parse_machine
from exporter.sources.guest_names import GuestNames
from exporter.sources.qemu import GONE, QemuProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exporter.readings import Snapshot
    from exporter.settings import Pace

CPU_SECONDS = "wattshift_guest_cpu_seconds_total"
# Not declared as a family, so no scrape shows it: what the newest window is made of, for guest_power.
_WINDOW = "wattshift_guest_window_cpu_microseconds"
_BUSY = ("busy", "")
_CAPACITY = ("capacity", "")

_VMID = "[1-9][0-9]{2,8}"  # qm(1): 100 to 999999999
_SCOPE = re.compile(rf"({_VMID})\.scope")
_CONTAINER = re.compile(f"({_VMID})")
_NO_CGROUPS = (
    "guests can only be told apart by cgroup v2: boot without systemd.unified_cgroup_hierarchy=0, "
    "or use --no-collector.guests"
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look: the roots of sysfs, procfs and run, and Proxmox's configuration (``/etc/pve``)."""

    sysfs: Path
    procfs: Path
    run: Path
    pve: Path


class Guests:
    """Reads every guest's CPU time and the machine's; a guest that cannot be read hides no other."""

    name = "guests"
    families = (
        Family(
            CPU_SECONDS,
            "counter",
            "CPU time a running guest used, as its cgroup counts it: from 0 again when the guest starts on a node.",
            ("id", "name"),
        ),
    )

    def __init__(self, places: Places, pace: Pace, ticks_per_second: int, clock: Clock) -> None:
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._cgroups = str(places.sysfs / "fs" / "cgroup")
        self._machine = str(places.procfs / "stat")
        self._names = GuestNames(places.pve)
        self._processes = QemuProcesses(places.procfs, places.run)
        self._ticks_per_second = ticks_per_second
        self._clock = clock
        self._before: Look | None = None
        self._looked_at = 0.0

    def close(self) -> None:
        """There is nothing to end."""

    def read(self) -> Sample:
        """Look at the machine and all guests once; the second look gives the first window.

        A look that is older than two intervals and the deadline is none to go on from: the shares of so long a window
        are not those of the present.

        Raises:
            SourceError: the machine's CPU time cannot be read, or it has no cgroup v2.
        """
        try:
            self._check_cgroups()
            now = self._clock.monotonic()
            machine = parse_machine(text_of(self._machine))
        except OSError as error:
            raise _explain(error) from error
        failures: list[Failure] = []
        guests = dict(self._guests(failures))
        look, before = Look(machine, guests), self._before
        if now - self._looked_at > 2 * self.interval + self.deadline:
            before = None
        window = measure(before, look, self._ticks_per_second) if before else None
        self._before, self._looked_at = look, now
        readings = [Reading(CPU_SECONDS, (guest, time.name), time.microseconds / 1e6) for guest, time in guests.items()]
        if window is not None:
            readings += _window_readings(window)
            failures += [
                Failure(Reason.IMPLAUSIBLE, f"{guest}: {used} µs of CPU time in {window.capacity} µs", (guest,))
                for guest, used in window.leapt.items()
            ]
        return Sample(tuple(readings), tuple(failures), up=not failures or bool(guests))

    def _check_cgroups(self) -> None:
        try:
            _inode(f"{self._cgroups}/cgroup.controllers")
        except FileNotFoundError as error:
            raise SourceError(Reason.UNSUPPORTED, f"{self._cgroups} is no cgroup v2: {_NO_CGROUPS}") from error

    def _guests(self, failures: list[Failure]) -> Iterator[tuple[str, GuestTime]]:
        for guest, examine in self._candidates(failures):
            try:
                time = examine()
            except SourceError as error:
                failures.append(_failure(error, guest))
            except OSError as error:
                if error.errno not in GONE:
                    failures.append(_failure(_explain(error), guest))
            else:
                if time is not None:
                    yield guest, time

    def _candidates(self, failures: list[Failure]) -> Iterator[tuple[str, Callable[[], GuestTime | None]]]:
        for kind, parent, pattern, examine in (
            ("qemu", f"{self._cgroups}/qemu.slice", _SCOPE, self._virtual_machine),
            ("lxc", f"{self._cgroups}/lxc", _CONTAINER, self._container),
        ):
            try:
                names = sorted(os.listdir(parent))  # noqa: PTH208 - as text_of, without objects around paths
            except FileNotFoundError:
                continue  # no guest of this kind has run since the node started
            except OSError as error:
                failures.append(_failure(_explain(error)))
                continue
            for name in names:
                if match := pattern.fullmatch(name):
                    yield f"{kind}/{match[1]}", partial(examine, match[1], f"{parent}/{name}")

    def _virtual_machine(self, vmid: str, scope: str) -> GuestTime | None:
        found = self._processes.find(vmid, scope)
        if found is None:
            return None
        process, given_name = found
        name = self._names.find(f"qemu-server/{vmid}.conf", "name") or given_name
        return GuestTime((_inode(scope), *process), name, _microseconds(scope))

    def _container(self, ctid: str, folder: str) -> GuestTime | None:
        if not parse_keyed(text_of(f"{folder}/cgroup.events"), "populated"):
            return None
        name = self._names.find(f"lxc/{ctid}.conf", "hostname")
        return GuestTime((_inode(folder),), name, _microseconds(folder))


def newest_window(snapshot: Snapshot) -> CpuWindow | None:
    """Return the CPU window of a snapshot, if it has one that is not too old."""
    times = {labels: int(value) for labels, value in snapshot.figures(_WINDOW).items()}
    if not times:
        return None
    busy, capacity = times.pop(_BUSY), times.pop(_CAPACITY)
    return CpuWindow(capacity, busy, {(guest, name): time for (guest, name), time in times.items()})


def _window_readings(window: CpuWindow) -> list[Reading]:
    times = {**window.guests, _BUSY: window.busy, _CAPACITY: window.capacity}
    return [Reading(_WINDOW, labels, microseconds) for labels, microseconds in times.items()]


def _microseconds(cgroup: str) -> int:
    return parse_keyed(text_of(f"{cgroup}/cpu.stat"), "usage_usec")


def _inode(path: str) -> int:
    return os.stat(path).st_ino  # noqa: PTH116 - as text_of, without objects around paths


def _failure(error: SourceError, guest: str = "") -> Failure:
    return Failure(error.reason, f"{guest}: {error.detail}" if guest else error.detail, (guest,) if guest else ())


def _explain(error: OSError) -> SourceError:
    reasons = {PermissionError: Reason.PERMISSION, FileNotFoundError: Reason.MISSING}
    return SourceError(reasons.get(type(error), Reason.UNSUPPORTED), f"{error.filename}: {error.strerror}")
