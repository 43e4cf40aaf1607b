"""The HA stack: it queues a request and acts on it a round later (pve-ha-manager's CRM and LRM)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.containers import ContainerOrder
from deploy.lab.migration import MigrationOrder
from deploy.lab.pve.releases import Change, knows
from deploy.lab.task import TaskFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from deploy.lab.cluster import Cluster, Guest
    from deploy.lab.containers import ContainerMigrations
    from deploy.lab.migration import Migrations
    from deploy.lab.task import Task

# The local resource manager is root, with no token.
_LRM = ("root@pam", None)


class HighAvailability:
    """What HA manages, and its migrations.

    Attributes:
        armed: Whether it does anything at all (PVE 9.1.3 can disarm it).
        in_error: Guests whose service is in error.
    """

    def __init__(self, cluster: Cluster, migrations: Migrations, containers: ContainerMigrations) -> None:
        self._cluster = cluster
        self._migrations = migrations
        self._containers = containers
        self._moving: set[int] = set()
        self.armed = True
        self.in_error: set[int] = set()

    @property
    def managed(self) -> list[Guest]:
        """The guests under HA."""
        return [guest for guest in self._cluster.guests.values() if guest.plan.ha]

    def state(self, guest: Guest) -> str:
        """Return the service's state as the CRM sees it."""
        if guest.vmid in self.in_error:
            return "error"
        if guest.vmid in self._moving:
            return "migrate"
        return "started" if guest.running else "stopped"

    def node_state(self, name: str) -> str:
        """Return a node's state as the CRM sees it."""
        node = self._cluster.nodes[name]
        if not node.online:
            return "unknown"
        return "maintenance" if node.plan.maintenance else "online"

    def blockers(self, guest: Guest, node: str) -> list[dict[str, str]]:
        """Return what rules have against the guest on a node, as PVE/HA/Helpers.pm tells it.

        Of a node that is off nothing is told; a rule about nodes comes with the guest's own service.
        """
        if not (guest.plan.ha and self._has_rules and self._cluster.nodes[node].online):
            return []
        bound = guest.plan.bound_to
        own = [{"sid": guest.plan.sid, "cause": "node-affinity"}] if bound and node not in bound else []
        apart = sorted(
            other.plan.sid for other in self.managed if other.vmid in guest.plan.apart_from and other.node == node
        )
        return own + [{"sid": sid, "cause": "resource-affinity"} for sid in apart]

    def dependents(self, guest: Guest) -> list[str]:
        """Return the services that a rule lets move along with the guest."""
        return sorted(
            other.plan.sid for other in self.managed if self._has_rules and other.vmid in guest.plan.together_with
        )

    @property
    def _has_rules(self) -> bool:
        return knows(self._cluster.plan.version, Change.HA_RULES)

    def queue(self, task: Task, guest: Guest, target: str) -> Generator[float, None, None]:
        """Work of the ``hamigrate`` task: it ends well as soon as the request is queued."""
        name = "CT" if guest.plan.kind == "lxc" else "VM"
        task.say(f"Requesting HA migration for {name} {guest.vmid} to node {target}")
        if guest.vmid in self.in_error:
            sid = guest.plan.sid
            task.say(f"service '{sid}' in error state, must be disabled and fixed first")
            raise TaskFailed(f"command 'ha-manager migrate {sid} {target}' failed: exit code 255")
        self._cluster.agenda.after(self._cluster.plan.migration.ha_round, lambda: self._act(guest, target))
        yield 0.1

    def _act(self, guest: Guest, target: str) -> None:
        # What cannot be done makes the CRM drop the request with a line in its own log only.
        possible = self.armed and self.node_state(target) == "online" and guest.vmid not in self.in_error
        if not possible or guest.node == target or self.blockers(guest, target):
            return
        along = self.dependents(guest)
        together = [other for other in self.managed if other.plan.sid in along and other.node != target]
        for each in (guest, *together):
            self._begin(each, target)

    def _begin(self, guest: Guest, target: str) -> None:
        self._moving.add(guest.vmid)
        kind, work = self._work(guest, target)
        self._cluster.tasks.start(guest.node, kind, str(guest.vmid), _LRM, lambda task: self._move(guest, work(task)))

    def _work(self, guest: Guest, target: str) -> tuple[str, Callable[[Task], Generator[float, None, None]]]:
        if guest.plan.kind == "lxc":
            return "vzmigrate", lambda task: self._relocate(task, guest, target)
        order = MigrationOrder(target, online=guest.running, by_ha=True)
        return "qmigrate", lambda task: self._migrations.run(task, guest, order)

    def _relocate(self, task: Task, guest: Guest, target: str) -> Generator[float, None, None]:
        """Containers are stopped, moved, and started again some time after the task's end."""
        self._containers.stop(guest)
        yield from self._containers.run(task, guest, ContainerOrder(target, restart=False, by_ha=True))
        rounds = self._cluster.plan.migration.ha_round
        self._cluster.agenda.after(rounds, lambda: self._containers.start(guest))

    def _move(self, guest: Guest, steps: Generator[float, None, None]) -> Generator[float, None, None]:
        try:
            yield from steps
        finally:
            self._moving.discard(guest.vmid)
