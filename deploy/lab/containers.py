"""The migration of a container as a task: shut down, moved, started again (pve-container's src/PVE/LXC/Migrate.pm)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.cluster import Stage
from deploy.lab.disks import has_copy, local_disks, missing_storages, size_of
from deploy.lab.migration import duration
from deploy.lab.task import TaskFailed

if TYPE_CHECKING:
    from collections.abc import Generator

    from deploy.lab.cluster import Cluster, Guest
    from deploy.lab.task import Task

_SHUTDOWN_SECONDS = 2.0
_START_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ContainerOrder:
    """What a migration was asked for.

    Attributes:
        target: Where to.
        restart: Shut it down before and start it afterwards.
        timeout: Seconds that it may take to shut down.
        by_ha: Whether the HA stack asks, which has stopped it and starts it itself.
    """

    target: str
    restart: bool
    timeout: int = 180
    by_ha: bool = False


class ContainerMigrations:
    """Carries migrations of containers out."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.shutdown_seconds = _SHUTDOWN_SECONDS

    def run(self, task: Task, guest: Guest, order: ContainerOrder) -> Generator[float, None, None]:
        """Work through one migration, as the worker process does."""
        began = self._cluster.agenda.now
        if order.by_ha:
            task.say("task started by HA resource agent")
        if guest.lock is not None:
            self._abort(task, began, f"CT is locked ({guest.lock})")
        if guest.running and not order.restart:
            self._abort(task, began, "lxc live migration is currently not implemented")
        target = self._cluster.nodes[order.target]
        for storage in missing_storages(self._cluster, guest, order.target):
            self._abort(task, began, f"storage '{storage}' is not available on node '{order.target}'")
        if target.stage < Stage.API:
            self._abort(task, began, "Can't connect to destination address using public key")
        restart = guest.running
        if restart:
            yield from self._shut_down(task, guest, order, began)
        guest.lock = "migrate"
        task.log(f"starting migration of CT {guest.vmid} to node '{order.target}' ({target.address})")
        yield from self._volumes(task, guest, order.target)
        yield self._cluster.plan.migration.finish
        task.log("start final cleanup")
        self._cluster.place(guest.vmid, order.target)
        guest.lock = None
        if restart:
            task.log("start container on target node")
            task.log(f"# /usr/bin/ssh -e none -o 'BatchMode=yes' root@{target.address} pct start {guest.vmid}")
            yield _START_SECONDS
            self.start(guest)
        task.log(f"migration finished successfully (duration {duration(self._cluster.agenda.now - began)})")

    def start(self, guest: Guest) -> None:
        """Start a container where it is; HA does so some time after it has moved one."""
        guest.running = True
        guest.since = self._cluster.agenda.now
        self._cluster.tell("load", str(guest.vmid), f"{guest.load:g}")

    def stop(self, guest: Guest) -> None:
        """What HA does before it moves a container."""
        guest.running = False
        self._cluster.tell("guest_stopped", str(guest.vmid), guest.node)

    def _shut_down(self, task: Task, guest: Guest, order: ContainerOrder, began: float) -> Generator[float, None, None]:
        task.log(f"shutdown CT {guest.vmid}")
        if self.shutdown_seconds > order.timeout:
            yield float(order.timeout)
            self._abort(task, began, "command 'lxc-stop -n 101 --nokill' failed: received interrupt")
        yield self.shutdown_seconds
        self.stop(guest)

    def _volumes(self, task: Task, guest: Guest, target: str) -> Generator[float, None, None]:
        """What only the source holds is copied, unasked."""
        local = {
            volume: 0 if has_copy(guest, target, options) else size_of(options) or 0
            for _, volume, options in local_disks(self._cluster, guest)
        }
        for value in guest.plan.disks.values():
            volume, storage = value.partition(",")[0], value.partition(":")[0]
            if volume in local:
                task.log(f"found local volume '{volume}' (in current VM config)")
                yield local[volume] / self._cluster.plan.migration.bytes_per_second
            else:
                task.log(f"volume '{volume}' is on shared storage '{storage}'")

    def _abort(self, task: Task, began: float, cause: str) -> None:
        seconds = duration(self._cluster.agenda.now - began)
        task.log(f"migration aborted (duration {seconds}): {cause}", error=True)
        raise TaskFailed("migration aborted")
