"""One call of the API as its implementation sees it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from deploy.lab.pve.refusal import died

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.lab.cluster import Cluster, Guest, Node
    from deploy.lab.containers import ContainerMigrations
    from deploy.lab.ha import HighAvailability
    from deploy.lab.migration import Migrations
    from deploy.lab.pve.access import Rights
    from deploy.lab.pve.validation import Parameters

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class World:
    """What the calls work on.

    Attributes:
        cluster: The state.
        migrations: Carries migrations out.
        containers: Carries the migrations of containers out.
        ha: The HA stack.
        broadcast: Sends a datagram from an address to everybody's Wake-on-LAN port.
    """

    cluster: Cluster
    migrations: Migrations
    containers: ContainerMigrations
    ha: HighAvailability
    broadcast: Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a longer list; the answer carries the length of the whole beside it."""

    entries: list[dict[str, object]]
    total: int


@dataclass(frozen=True, slots=True)
class Call:
    """A checked and permitted call.

    Attributes:
        world: What it works on.
        local: The node that executes it.
        rights: Of whoever asks.
        parameters: Checked parameters, those of the path included.
    """

    world: World
    local: Node
    rights: Rights
    parameters: Parameters

    @property
    def cluster(self) -> Cluster:
        """The state of the cluster."""
        return self.world.cluster

    def text(self, name: str) -> str | None:
        """Return a parameter as text; None when it was not given."""
        value = self.parameters.get(name)
        return None if value is None else str(value)

    def number(self, name: str, default: int) -> int:
        """Return an integer or boolean parameter."""
        return int(self.parameters.get(name, default))

    def need_quorum(self) -> None:
        """Refuse when the cluster has none (PVE::Cluster::check_cfs_quorum)."""
        if not self.cluster.quorate:
            raise died("cluster not ready - no quorum?")

    def guest_here(self, kind: str = "qemu") -> Guest:
        """Return the guest of the path, or refuse when its configuration is not on this node."""
        vmid = self.number("vmid", 0)
        guest = self.cluster.guests.get(vmid)
        if guest is None or guest.node != self.local.name or guest.plan.kind != kind:
            folder = "qemu-server" if kind == "qemu" else "lxc"
            raise died(f"Configuration file 'nodes/{self.local.name}/{folder}/{vmid}.conf' does not exist")
        return guest

    def known_node(self, name: str) -> Node:
        """Return a node of the cluster (PVE::Cluster::check_node_exists)."""
        node = self.cluster.nodes.get(name)
        if node is None:
            raise died(f"no such cluster node '{name}'")
        return node


def any_order(entries: Iterable[_Entry]) -> list[_Entry]:
    """Return the entries as a walk over a Perl hash gives them: in another order each time."""
    shuffled = list(entries)
    random.shuffle(shuffled)
    return shuffled
