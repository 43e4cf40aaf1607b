"""The Proxmox VE API, as far as the actuator needs it.

Every request is valid from PVE 7.2 to 9.1, but for what a caller asks for that only newer versions know. It never sends
``force``, never unlocks, never touches expected votes; booleans travel as 1 and 0, since a form's ``True`` is refused.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from actuator.adapters import guest_shapes, ha_shapes, shapes
from actuator.adapters.answers import not_understood
from actuator.adapters.endpoints import Endpoints
from actuator.adapters.fields import UnexpectedShape
from actuator.adapters.preconditions import preconditions_of
from actuator.adapters.proxmox_access import ProxmoxAccess
from actuator.adapters.tasks import MIGRATION_KINDS, Task, is_upid, node_of
from actuator.errors import ProxmoxAmbiguous, ProxmoxNotReady, ProxmoxRefused, ProxmoxUnreachable
from actuator.policy.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actuator.adapters.guest_shapes import GuestConfig
    from actuator.adapters.shapes import Storage
    from actuator.policy.cluster import Cluster, Node, Preconditions
    from actuator.policy.ha import ClusterOptions, HaStatus
    from actuator.policy.machines import Cpu

__all__ = ["Proxmox", "ProxmoxAccess"]

_Shape = TypeVar("_Shape")
_ITSELF = "cannot wake my self"
_NOT_IMPLEMENTED = 501


class Proxmox:
    """One Proxmox VE cluster. Every method may raise what `actuator.errors` calls Temporary and Permanent.

    Args:
        access: Where it is.
        monotonic: Seconds, for the age of idle connections.
    """

    def __init__(self, access: ProxmoxAccess, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._endpoints = Endpoints(access, monotonic)

    def cluster(self) -> Cluster:
        """One look at nodes and guests (``GET /cluster/status``, ``GET /cluster/resources``); works without quorum."""
        status = self._endpoints.get("cluster", "status")
        guests = self._endpoints.get("cluster", "resources", type="vm")
        nodes = self._endpoints.get("cluster", "resources", type="node")
        return _shaped("the cluster", lambda: shapes.cluster_of(status, guests, nodes))

    def members(self) -> Mapping[str, Node]:
        """The nodes by name, without their statistics, in one call (``GET /cluster/status``)."""
        status = self._endpoints.get("cluster", "status")
        return _shaped("the cluster", lambda: shapes.cluster_of(status, [], [])).nodes

    def preconditions(self, node: str, vmid: int, kind: str = "qemu") -> Preconditions | None:
        """Proxmox's view of moving a guest (``GET /nodes/{node}/{kind}/{vmid}/migrate``); needs quorum and no lock.

        Returns:
            None when this version has no such call: for containers before PVE 9.0.
        """
        try:
            answer = self._endpoints.get("nodes", node, kind, str(vmid), "migrate", slow=True)
        except ProxmoxRefused as error:
            if error.status == _NOT_IMPLEMENTED:
                return None
            raise
        return _shaped("preconditions", lambda: preconditions_of(answer))

    def guest_config(self, node: str, vmid: int, kind: str = "qemu") -> GuestConfig:
        """What matters of a guest's configuration (``GET /nodes/{node}/{kind}/{vmid}/config``)."""
        answer = self._endpoints.get("nodes", node, kind, str(vmid), "config", slow=True)
        return _shaped("a guest's configuration", lambda: guest_shapes.guest_config_of(answer))

    def guest_state(self, node: str, vmid: int, kind: str = "qemu") -> str:
        """What a guest does, as its own node says (``GET /nodes/{node}/{kind}/{vmid}/status/current``)."""
        answer = self._endpoints.get("nodes", node, kind, str(vmid), "status", "current", slow=True)
        return _shaped("a guest's status", lambda: guest_shapes.guest_state_of(answer))

    def disk_storages(self, node: str, vmid: int, kind: str = "qemu") -> frozenset[str]:
        """The storages on which a guest's disks lie, from its configuration."""
        return self.guest_config(node, vmid, kind).storages

    def replicas(self, node: str, vmid: int) -> Mapping[str, bool]:
        """The nodes that a guest is replicated to, and whether each has a copy (``GET /nodes/{node}/replication``)."""
        answer = self._endpoints.get("nodes", node, "replication", slow=True, guest=vmid)
        return _shaped("replication jobs", lambda: shapes.replicas_of(answer, vmid))

    def version(self, node: str) -> Version | None:
        """The version that a node runs (``GET /nodes/{node}/version``); None when it is in an unknown form."""
        answer = self._endpoints.get("nodes", node, "version", slow=True)
        return _shaped("a version", lambda: Version.parse(shapes.version_of(answer)))

    def cpu(self, node: str) -> Cpu:
        """A node's processor, as far as told (``GET /nodes/{node}/status``)."""
        answer = self._endpoints.get("nodes", node, "status", slow=True)
        return _shaped("a node's status", lambda: shapes.cpu_of(answer))

    def ha_status(self) -> HaStatus:
        """HA's own view of its services (``GET /cluster/ha/status/current``); told without quorum as well."""
        answer = self._endpoints.get("cluster", "ha", "status", "current")
        return _shaped("the HA status", lambda: ha_shapes.ha_status_of(answer))

    def cluster_options(self) -> ClusterOptions:
        """The cluster's options, as far as they matter here (``GET /cluster/options``).

        When HA balances by itself, the services that it leaves alone are asked for too (``GET /cluster/ha/resources``).
        """
        answer = self._endpoints.get("cluster", "options")
        options = _shaped("the cluster's options", lambda: ha_shapes.cluster_options_of(answer))
        if not options.ha_rebalancing:
            return options
        resources = self._endpoints.get("cluster", "ha", "resources")
        return replace(options, ha_settled=_shaped("HA's resources", lambda: ha_shapes.settled_of(resources)))

    def storages(self, node: str) -> list[Storage]:
        """The enabled storages of a node, as it sees them (``GET /nodes/{node}/storage``).

        Only those that the token may see: without ``Datastore.Audit`` the list is empty.
        """
        answer = self._endpoints.get("nodes", node, "storage", slow=True, enabled=1)
        return _shaped("storages", lambda: shapes.storages_of(answer))

    def api_answers(self, node: str) -> bool:
        """Whether a node's own API answers (``GET /nodes/{node}/version``); no answer in a short time is a no."""
        try:
            answer = self._endpoints.get("nodes", node, "version")
        except (ProxmoxUnreachable, ProxmoxAmbiguous, ProxmoxNotReady):
            return False
        return isinstance(answer, dict) and "version" in answer

    def wake(self, node: str) -> str:
        """Let an endpoint that is awake send one magic packet to a node (``POST /nodes/{node}/wakeonlan``).

        The node that is named is the sleeper, and whoever answers the call sends; it takes no parameters at all.

        Returns:
            The MAC address that was called; whether it heard is told by nobody.
        """
        answer = self._endpoints.post("nodes", node, "wakeonlan", not_by=_ITSELF)
        if not isinstance(answer, str):
            raise not_understood(f"POST wakeonlan of {node}", "no MAC address")
        return answer

    def wake_mac(self, node: str) -> str | None:
        """The MAC address that Proxmox would wake a node by (``GET /nodes/{node}/config``); told by the node itself.

        None when nobody set it.
        """
        answer = self._endpoints.get("nodes", node, "config", slow=True)
        return _shaped("a node's configuration", lambda: shapes.wake_mac_of(answer))

    def migrate(  # noqa: PLR0913 - one request, as Proxmox has it
        self,
        node: str,
        vmid: int,
        target: str,
        *,
        online: bool,
        local_disks: bool = False,
        conntrack_state: bool = False,
        last_word: Callable[[], bool] | None = None,
    ) -> str:
        """Ask for a migration (``POST /nodes/{node}/qemu/{vmid}/migrate``).

        Args:
            node: Where the guest is.
            vmid: The guest.
            target: Where to.
            online: It runs, and goes on running.
            local_disks: Copy disks that only ``node`` holds.
            conntrack_state: Take connection tracking along; an error before PVE 9.0.
            last_word: Asked right before the request goes out; by a no it stays (`NotAsked`).

        Returns:
            The UPID of the task that does it, or that asks HA to.
        """
        more = {"with-local-disks": local_disks, "with-conntrack-state": conntrack_state}
        asked = {name: 1 for name, wanted in more.items() if wanted}
        path = ("nodes", node, "qemu", str(vmid), "migrate")
        answer = self._endpoints.post(
            *path, not_by=None, last_word=last_word, target=target, online=1 if online else 0, **asked
        )
        return _upid(answer, vmid)

    def migrate_container(
        self,
        node: str,
        vmid: int,
        target: str,
        *,
        shutdown_seconds: int,
        last_word: Callable[[], bool] | None = None,
    ) -> str:
        """Ask for a container to be shut down, moved and started again (``POST /nodes/{node}/lxc/{vmid}/migrate``).

        Args:
            node: Where the container is.
            vmid: The container.
            target: Where to.
            shutdown_seconds: How long it may take to shut down.
            last_word: As for `migrate`.

        Returns:
            The UPID of the task that does it, or that asks HA to.
        """
        path = ("nodes", node, "lxc", str(vmid), "migrate")
        answer = self._endpoints.post(*path, last_word=last_word, target=target, restart=1, timeout=shutdown_seconds)
        return _upid(answer, vmid)

    def migration_tasks(self, node: str, vmid: int) -> list[Task]:
        """A guest's migrations on a node, running and ended, oldest first (``GET /nodes/{node}/tasks``)."""
        answer = self._endpoints.get("nodes", node, "tasks", slow=True, vmid=vmid, source="all")
        tasks = _shaped("tasks", lambda: shapes.tasks_of(answer))
        return [task for task in tasks if task.kind in MIGRATION_KINDS]

    def task(self, upid: str) -> Task:
        """How a task stands (``GET /nodes/{node}/tasks/{upid}/status``)."""
        answer = self._endpoints.get("nodes", node_of(upid), "tasks", upid, "status", slow=True)
        return _shaped("a task", lambda: shapes.task_of(answer))

    def task_log(self, upid: str, start: int = 0) -> list[str]:
        """The lines of a task's log from number ``start`` on, counted from 0 (``GET .../tasks/{upid}/log``)."""
        # The default limit is 50 lines; 0 means all.
        answer = self._endpoints.get("nodes", node_of(upid), "tasks", upid, "log", slow=True, start=start, limit=0)
        return _shaped("a task's log", lambda: shapes.log_of(answer))

    def close(self) -> None:
        """Close all connections."""
        self._endpoints.close()


def _upid(answer: object, vmid: int) -> str:
    if not isinstance(answer, str) or not is_upid(answer):
        raise not_understood(f"POST migrate of guest {vmid}", "no task id")
    return answer


def _shaped(what: str, read: Callable[[], _Shape]) -> _Shape:
    try:
        return read()
    except UnexpectedShape as error:
        raise not_understood(what, str(error)) from error
