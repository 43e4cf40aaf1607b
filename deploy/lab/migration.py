"""Live migration as a task, with the log lines of PVE::QemuMigrate and PVE::AbstractMigrate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deploy.lab.agenda import Interrupted
from deploy.lab.cluster import Stage
from deploy.lab.disks import has_copy, local_disks, size_of
from deploy.lab.plan import GIB, MIB
from deploy.lab.pve.releases import Change, knows
from deploy.lab.task import TaskFailed

if TYPE_CHECKING:
    from collections.abc import Generator

    from deploy.lab.cluster import Cluster, Guest
    from deploy.lab.task import Task

_LOCK_PATIENCE = 10.0
_LOCK_POLL = 0.5
_TOO_EARLY = "Can't connect to destination address using public key"

Mishap = Literal["abort", "problems, stays", "problems, moves", "killed", "stalls"]


@dataclass(frozen=True, slots=True)
class MigrationOrder:
    """What a migration was asked for.

    Attributes:
        target: Where to.
        online: Live, with the guest running.
        conntrack: Whether connection tracking state goes along (PVE 9).
        local_disks: Whether disks on local storage are copied.
        by_ha: Whether the HA stack asks, which always has local disks copied.
    """

    target: str
    online: bool
    conntrack: bool = False
    local_disks: bool = False
    by_ha: bool = False


class Migrations:
    """Carries migrations out; tests may order a mishap for the next one, or hold them half-way."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.mishaps: list[Mishap] = []
        self.held = False

    def run(self, task: Task, guest: Guest, order: MigrationOrder) -> Generator[float, None, None]:
        """Work through the phases of one migration, as the worker process does."""
        if order.by_ha:
            task.say("task started by HA resource agent")
        source = task.node
        yield from self._take_lock(task, guest)
        try:
            if guest.node != source:
                raise TaskFailed(f"Configuration file 'nodes/{source}/qemu-server/{guest.vmid}.conf' does not exist")
            mishap = self.mishaps.pop(0) if self.mishaps else None
            yield from self._phases(task, guest, order, mishap)
        finally:
            guest.migrating = False

    def _take_lock(self, task: Task, guest: Guest) -> Generator[float, None, None]:
        # flock on /var/lock/pve-manager/pve-migrate-<vmid>; the config's own lock comes later.
        waited = 0.0
        while guest.migrating:
            if not waited:
                task.say("trying to acquire lock...")
            if waited >= _LOCK_PATIENCE:
                path = f"/var/lock/pve-manager/pve-migrate-{guest.vmid}"
                raise TaskFailed(f"can't lock file '{path}' - got timeout")
            yield _LOCK_POLL
            waited += _LOCK_POLL
        if waited:
            task.say(" OK")
        guest.migrating = True

    def _phases(
        self, task: Task, guest: Guest, order: MigrationOrder, mishap: Mishap | None
    ) -> Generator[float, None, None]:
        plan = self._cluster.plan
        target = self._cluster.nodes[order.target]
        began = self._cluster.agenda.now
        if knows(plan.version, Change.CONNTRACK_STATE) and guest.running and not order.conntrack:
            task.log("conntrack state migration not supported or disabled, active connections might get dropped")
        yield plan.migration.prepare
        if target.stage < Stage.API or mishap == "abort":
            task.log(f"migration aborted (duration {duration(0)}): {_TOO_EARLY}", error=True)
            raise TaskFailed("migration aborted")
        disks = list(local_disks(self._cluster, guest))
        if disks and guest.running and not (order.local_disks or order.by_ha):
            cause = "can't live migrate attached local disks without with-local-disks option"
            task.log(f"migration aborted (duration {duration(0)}): {cause}", error=True)
            raise TaskFailed("migration aborted")
        guest.lock = "migrate"
        task.log(f"starting migration of VM {guest.vmid} to node '{order.target}' ({target.address})")
        try:
            for drive, _, options in disks:
                size = 0 if has_copy(guest, order.target, options) else size_of(options) or 0
                yield from self._mirror(task, drive, size)
            if order.online:
                yield from self._memory(task, guest, order, mishap)
            if mishap == "problems, moves":
                self._lose_the_thread(guest, order.target)
        except (Interrupted, TaskFailed) as trouble:
            cause = "interrupted by signal" if isinstance(trouble, Interrupted) else str(trouble)
            task.log(f"online migrate failure - {cause}", error=True)
            task.log("aborting phase 2 - cleanup resources")
            task.log("migrate_cancel")
            guest.lock = None
            seconds = self._cluster.agenda.now - began
            task.log(f"migration finished with problems (duration {duration(seconds)})", error=True)
            raise TaskFailed("migration problems") from trouble
        # The configuration file moves first; the lock in it goes last.
        self._cluster.place(guest.vmid, order.target)
        yield plan.migration.finish
        guest.lock = None
        task.log(f"migration finished successfully (duration {duration(self._cluster.agenda.now - began)})")

    def _mirror(self, task: Task, drive: str, size: int) -> Generator[float, None, None]:
        """Storage migration: a disk goes over before the memory does (drive-mirror)."""
        speed, sent, seconds = self._cluster.plan.migration.bytes_per_second, 0, 0
        task.log(f"{drive}: start migration to nbd:unix:/run/qemu-server/nbd.migrate:exportname=drive-{drive}")
        task.say(f"drive mirror is starting for drive-{drive}")
        while sent < size:
            yield 1.0
            sent, seconds = min(sent + speed, size), seconds + 1
            told = f"transferred {sent / GIB:.1f} GiB of {size / GIB:.1f} GiB ({100 * sent / size:.2f}%) in {seconds}s"
            task.say(f"drive-{drive}: {told}{', ready' if sent == size else ''}")
        task.say("all 'mirror' jobs are ready")

    def _memory(
        self, task: Task, guest: Guest, order: MigrationOrder, mishap: Mishap | None
    ) -> Generator[float, None, None]:
        """Phase 2: the guest's memory goes over while it runs."""
        times = self._cluster.plan.migration
        target = self._cluster.nodes[order.target]
        socket = f"unix:/run/qemu-server/{guest.vmid}.migrate"
        task.log(f"starting VM {guest.vmid} on remote node '{order.target}'")
        if target.stage < Stage.READY:
            raise TaskFailed("remote command failed with exit code 255")
        for line in (
            "start remote tunnel",
            "ssh tunnel ver 1",
            f"starting online/live migration on {socket}",
            "set migration capabilities",
            "migration downtime limit: 100 ms",
            "migration cachesize: 512.0 MiB",
            "set migration parameters",
            f"start migrate command to {socket}",
        ):
            task.log(line)
        total, sent, speed = guest.plan.memory_bytes, 0, times.bytes_per_second
        seconds = total / speed
        while sent + speed < total or mishap == "stalls":
            yield 1.0
            self._both_there(guest, order.target)
            if mishap == "killed":
                # As by SIGKILL, at this very moment; a generator cannot close itself.
                self._cluster.agenda.after(0.0, lambda: self._cluster.tasks.kill(task))
                yield 1.0
            if self.held and sent + speed > total // 2:
                continue
            if mishap == "problems, stays":
                raise TaskFailed("VM quit/powerdown failed")
            sent = min(sent + speed, total - 1)
            task.log(
                f"migration active, transferred {sent / MIB:.1f} MiB of {total / GIB:.1f} GiB VM-state, "
                f"{speed / MIB:.1f} MiB/s"
            )
        yield max(0.0, (total - sent) / speed)
        self._both_there(guest, order.target)
        if seconds >= 1:
            task.log(f"average migration speed: {total / seconds / MIB:.1f} MiB/s - downtime {times.downtime_ms} ms")
        task.log(f"migration completed, transferred {total / GIB:.1f} GiB VM-state")
        task.log("migration status: completed")

    def _lose_the_thread(self, guest: Guest, target: str) -> None:
        """Fail after the configuration has moved: the guest is on the target, the task says otherwise."""
        self._cluster.place(guest.vmid, target)
        raise TaskFailed("tunnel replied in error: failed to resume VM on the target")

    def _both_there(self, guest: Guest, target: str) -> None:
        if self._cluster.nodes[target].stage is Stage.OFF or not guest.running:
            raise TaskFailed("aborting migration: connection to the target was lost")


def duration(seconds: float) -> str:
    """Return a duration as logs show it: ``00:01:30``."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
