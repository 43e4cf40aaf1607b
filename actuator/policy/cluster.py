"""What we know of the cluster at one moment, as Proxmox told it; and what we remember ourselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.jobs import Job

UNMANAGED = frozenset({None, "ignored"})
"""HA states of a guest that HA leaves alone."""


@dataclass(frozen=True, slots=True)
class Node:
    """A cluster node (``GET /cluster/status`` and ``GET /cluster/resources``).

    Attributes:
        name: Proxmox node name.
        online: A member of the cluster now (``online`` of /cluster/status).
        ha_state: ``hastate``, such as ``maintenance``; None when not told.
        cpu: Load, 0 to 1; None when its statistics are missing.
        max_cpu: Logical processors, None when not told.
        memory_bytes: Used, None when not told.
        max_memory_bytes: Fitted, None when not told.
        address: Its IP address (``ip`` of /cluster/status), None when not told.
        uptime_seconds: Since its kernel started, None when not told.
    """

    name: str
    online: bool
    ha_state: str | None = None
    cpu: float | None = None
    max_cpu: int | None = None
    memory_bytes: int | None = None
    max_memory_bytes: int | None = None
    address: str | None = None
    uptime_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest (``GET /cluster/resources?type=vm``).

    Attributes:
        vmid: Its number.
        kind: ``qemu`` or ``lxc``.
        node: Where its configuration lies.
        status: ``running``, ``stopped``, ``unknown`` ...
        name: None when its statistics are missing.
        template: Whether it is one.
        tags: Its Proxmox tags.
        lock: ``backup``, ``migrate`` ... or None.
        ha_state: Set when HA manages it.
        cpu: Load as a share of its own processors, None when not told.
        max_cpu: Its processors.
        max_memory_bytes: Its memory.
    """

    vmid: int
    kind: str
    node: str
    status: str
    name: str | None = None
    template: bool = False
    tags: frozenset[str] = frozenset()
    lock: str | None = None
    ha_state: str | None = None
    cpu: float | None = None
    max_cpu: int | None = None
    max_memory_bytes: int | None = None

    @property
    def container(self) -> bool:
        """Whether it is a container, which moves only by a restart."""
        return self.kind == "lxc"

    @property
    def under_ha(self) -> bool:
        """Whether HA manages it, so that HA carries a move out, in its own way and time."""
        return self.ha_state not in UNMANAGED

    @property
    def sid(self) -> str:
        """Its name as an HA service."""
        return f"{'ct' if self.container else 'vm'}:{self.vmid}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a guest; among local disks, one that lies on the source alone.

    Attributes:
        volume: Its volume id, ``storage:name``.
        size_bytes: None when Proxmox does not tell.
        cdrom: Whether it is an image in a drive, which Proxmox never copies.
        replicate: Whether a replication job of its guest takes it along.
    """

    volume: str
    size_bytes: int | None = None
    cdrom: bool = False
    replicate: bool = False

    @property
    def storage(self) -> str:
        """Where it lies."""
        return self.volume.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Proxmox's own view of a move (``GET /nodes/{node}/qemu/{vmid}/migrate``), needing quorum.

    Attributes:
        running: Whether the guest runs.
        allowed_nodes: Targets that storage and mappings allow; None when this version does not say (running guests
            before PVE 8.4). Includes nodes that are off.
        obstacles: Target -> what is in the way, only for targets with something in the way.
        local_disks: Volumes that live on the source alone.
        local_resources: Passed-through devices and the like (``hostpci0``).
        ha_blockers: Target -> HA services there that an affinity rule keeps this guest apart from (PVE 9).
        ha_forbidden: Targets that a rule about nodes keeps this guest from, or that HA would take it back from (PVE
            9.1.11); of nodes that are off nothing is told.
        ha_dependents: HA services that an affinity rule lets HA move along with this guest (PVE 9).
    """

    running: bool
    allowed_nodes: frozenset[str] | None
    obstacles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    local_disks: tuple[Volume, ...] = ()
    local_resources: tuple[str, ...] = ()
    ha_blockers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ha_forbidden: frozenset[str] = frozenset()
    ha_dependents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """One look at the cluster.

    Attributes:
        name: None for a stand-alone host.
        quorate: Whether it may change anything; a stand-alone host always may.
        nodes: By name.
        guests: By vmid.
    """

    name: str | None
    quorate: bool
    nodes: Mapping[str, Node]
    guests: Mapping[int, Guest]


@dataclass(frozen=True, slots=True)
class History:
    """What the actuator itself remembers, read in the same transaction as the decision is written.

    Attributes:
        paused: Why work is paused (a sentence), or None.
        live_jobs: Jobs with work left.
        last_moved_at: vmid -> when its last migration ended, however it ended, unix seconds. Jobs that declined before
            asking Proxmox for one do not count.
        moves_last_day: vmid -> migrations that ended in the last 24 hours.
        recent_failures: When jobs failed since the last success or resume, oldest first, unix seconds.
        quarantined: Node -> why it may not be woken until a person clears it or it is seen online.
        episode_jobs: Jobs that the present episode has begun so far, but for those that were skipped; of these only
            the observed ones count, so that a guest that was locked by a backup is tried again.
        episode_live: Whether one of them is live.
    """

    paused: str | None = None
    live_jobs: tuple[Job, ...] = ()
    last_moved_at: Mapping[int, float] = field(default_factory=dict)
    moves_last_day: Mapping[int, int] = field(default_factory=dict)
    recent_failures: tuple[float, ...] = ()
    quarantined: Mapping[str, str] = field(default_factory=dict)
    episode_jobs: int = 0
    episode_live: bool = False
