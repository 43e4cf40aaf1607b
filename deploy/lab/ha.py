"""The HA stack: it queues a request and acts on it a round later (pve-ha-manager's CRM and LRM)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.migration import MigrationOrder

if TYPE_CHECKING:
    from collections.abc import Generator

    from deploy.lab.cluster import Cluster, Guest
    from deploy.lab.migration import Migrations
    from deploy.lab.task import Task


class HighAvailability:
    """What HA manages, and its migrations."""

    def __init__(self, cluster: Cluster, migrations: Migrations) -> None:
        self._cluster = cluster
        self._migrations = migrations
        self._moving: set[int] = set()

    @property
    def managed(self) -> list[Guest]:
        """The guests under HA."""
        return [guest for guest in self._cluster.guests.values() if guest.plan.ha]

    def state(self, guest: Guest) -> str:
        """Return the service's state as the CRM sees it."""
        if guest.vmid in self._moving:
            return "migrate"
        return "started" if guest.running else "stopped"

    def queue(self, task: Task, guest: Guest, target: str) -> Generator[float, None, None]:
        """Work of the ``hamigrate`` task: it ends well as soon as the request is queued."""
        task.say(f"Requesting HA migration for VM {guest.vmid} to node {target}")
        self._cluster.agenda.after(self._cluster.plan.migration.ha_round, lambda: self._act(guest, target))
        yield 0.1

    def _act(self, guest: Guest, target: str) -> None:
        # A target that is not online makes the CRM drop the request with a line in its own log only.
        if not self._cluster.nodes[target].online or guest.node == target:
            return
        self._moving.add(guest.vmid)
        order = MigrationOrder(target, online=guest.running, by_ha=True)
        # The local resource manager is root, with no token.
        self._cluster.tasks.start(
            guest.node, "qmigrate", str(guest.vmid), ("root@pam", None), lambda task: self._move(task, guest, order)
        )

    def _move(self, task: Task, guest: Guest, order: MigrationOrder) -> Generator[float, None, None]:
        try:
            yield from self._migrations.run(task, guest, order)
        finally:
            self._moving.discard(guest.vmid)
