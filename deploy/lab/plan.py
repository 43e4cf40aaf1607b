"""What a lab is made of, before it runs: nodes, guests, storages, tokens and how long things take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1024**2
GIB = 1024**3

PveVersion = Literal["7.2", "7.4", "8.2.5", "9.1"]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node.

    Attributes:
        name: Proxmox node name.
        nodeid: Its corosync number.
        mac: The MAC address its sleeping network card listens for.
        on: Whether it is on and ready when the lab starts.
        votes: Its votes in the quorum.
        cpus: Logical processors.
        memory_bytes: Fitted memory.
        secureon: The password that its network card wants behind the magic pattern; None for none.
        wakeonlan: The ``wakeonlan`` property of its node config; None when nobody set it.
        reports: Whether its statistics reach the other nodes (Proxmox says ``unknown`` otherwise).
        maintenance: Whether an administrator has put it into HA maintenance.
        mmio: Whether its package has a second powercap zone, through MMIO.
        psys: Whether it has a powercap zone for the whole platform.
        cpu_model: Its processor, as Linux names it.
        cpu_flags: What that can do, as Linux names it; empty when the node does not tell.
        version: Its own full version, such as ``9.1.4``; the plan's when None.
    """

    name: str
    nodeid: int
    mac: str
    on: bool = True
    votes: int = 1
    cpus: int = 4
    memory_bytes: int = 32 * GIB
    secureon: bytes | None = None
    wakeonlan: str | None = None
    reports: bool = True
    maintenance: bool = False
    mmio: bool = False
    psys: bool = False
    cpu_model: str = "Simulated CPU"
    cpu_flags: str = ""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """A virtual machine, or a container.

    Attributes:
        vmid: Its number.
        node: Where its configuration lies at the start.
        name: Its name.
        tags: Its Proxmox tags.
        cpus: Its processors.
        memory_bytes: Its memory.
        load: Share of its processors in use, 0 to 1.
        running: Whether it runs.
        lock: A configuration lock such as ``backup``.
        template: Whether it is a template.
        local_resources: Passed-through devices, such as ``hostpci0``.
        disks: Drive -> volume with its options, such as ``scsi0`` -> ``shared:vm-100-disk-0,size=32G``.
        ha: Whether HA manages it.
        reports: Whether its statistics reach the cluster (Proxmox says ``unknown`` otherwise).
        kind: ``qemu`` or ``lxc``.
        cpu: The ``cpu`` of its configuration; None when that does not name one.
        replicas: Nodes that it is replicated to.
        replicated: Whether that has ever got through.
        apart_from: Guests that an HA rule keeps it apart from.
        together_with: Guests that an HA rule keeps with it.
        bound_to: Nodes that an HA rule binds it to; empty when none does.
        auto_rebalance: Whether HA's own balancing may move it; None when nobody said so, and then it may.
    """

    vmid: int
    node: str
    name: str
    tags: tuple[str, ...] = ()
    cpus: int = 2
    memory_bytes: int = 4 * GIB
    load: float = 0.0
    running: bool = True
    lock: str | None = None
    template: bool = False
    local_resources: tuple[str, ...] = ()
    disks: Mapping[str, str] = field(default_factory=dict)
    ha: bool = False
    reports: bool = True
    kind: Literal["qemu", "lxc"] = "qemu"
    cpu: str | None = None
    replicas: tuple[str, ...] = ()
    replicated: bool = True
    apart_from: tuple[int, ...] = ()
    together_with: tuple[int, ...] = ()
    bound_to: tuple[str, ...] = ()
    auto_rebalance: bool | None = None

    @property
    def sid(self) -> str:
        """Its name as an HA service."""
        return f"{'ct' if self.kind == 'lxc' else 'vm'}:{self.vmid}"


@dataclass(frozen=True, slots=True)
class StoragePlan:
    """A storage of the cluster's configuration.

    Attributes:
        name: Its id.
        plugin: ``nfs``, ``dir`` ...
        shared: Whether all nodes see the same content.
        nodes: Where it is configured; None means everywhere.
        works: Whether nodes manage to activate it.
        reports: Whether its statistics reach the cluster.
        total_bytes: What it holds, on each node if it is not shared.
        used_bytes: Of that.
    """

    name: str
    plugin: str
    shared: bool
    nodes: frozenset[str] | None = None
    works: bool = True
    reports: bool = True
    total_bytes: int = 500 * GIB
    used_bytes: int = 10 * GIB

    def on(self, node: str) -> bool:
        """Return whether it is configured for ``node``."""
        return self.nodes is None or node in self.nodes


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """An API token: the effective rights of user and token together.

    Attributes:
        user: ``user@realm``.
        name: The token's id.
        secret: Its value.
        acl: Path -> privileges there and below; a deeper path replaces what it inherits.
    """

    user: str
    name: str
    secret: str
    acl: Mapping[str, frozenset[str]]

    @property
    def id(self) -> str:
        """``user@realm!name``."""
        return f"{self.user}!{self.name}"

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"PVEAPIToken={self.id}={self.secret}"


@dataclass(frozen=True, slots=True)
class BootTimes:
    """Lab seconds that each stage of a boot takes after the one before."""

    answers: float = 2.0
    joins: float = 1.0
    quorate: float = 0.5
    api: float = 1.0
    storages: float = 0.5


@dataclass(frozen=True, slots=True)
class MigrationTimes:
    """How live migrations go.

    Attributes:
        prepare: Lab seconds before the guest is locked (ssh to the target is tried there).
        bytes_per_second: Speed of the memory transfer.
        downtime_ms: What QEMU reports.
        finish: Lab seconds between the guest's change of node and its unlocking.
        ha_round: Lab seconds until the HA stack acts on a request.
    """

    prepare: float = 0.2
    bytes_per_second: int = 1024 * MIB
    downtime_ms: int = 42
    finish: float = 0.2
    ha_round: float = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole lab.

    Attributes:
        nodes: Its nodes.
        guests: Its guests.
        storages: Its storages.
        tokens: Its API tokens.
        name: Name of the cluster.
        version: Which Proxmox VE it plays.
        boot: How long nodes take to boot.
        migration: How migrations go.
        refusal_seconds: Real seconds that pveproxy lets a failed authentication wait.
        idle_seconds: Real seconds after which pveproxy closes a connection that nothing comes over.
        bmc_user: Account on every BMC.
        bmc_password: Its password.
        crs: The cluster's ``crs`` option, such as ``{"ha-auto-rebalance": 1}``; empty when nobody set it.
    """

    nodes: tuple[NodePlan, ...]
    guests: tuple[GuestPlan, ...]
    storages: tuple[StoragePlan, ...]
    tokens: tuple[TokenPlan, ...]
    name: str = "lab"
    version: PveVersion = "9.1"
    boot: BootTimes = BootTimes()
    migration: MigrationTimes = MigrationTimes()
    refusal_seconds: float = 3.0
    idle_seconds: float = 5.0
    bmc_user: str = "wattshift"
    bmc_password: str = "watts-in-the-lab"  # noqa: S105 - opens nothing but this simulation
    crs: Mapping[str, str | int] = field(default_factory=dict)
