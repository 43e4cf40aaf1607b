"""What Proxmox alone knows of one move, and what of it is in the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.policy import local_disks, machines
from actuator.policy.ha import ha_refusal, ha_target_refusal
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.cluster import Guest, Node, Preconditions, Volume
    from actuator.policy.ha import ClusterOptions, HaStatus
    from actuator.policy.machines import Machine
    from actuator.policy.rules import Rules


@dataclass(frozen=True, slots=True)
class CloserLook:
    """What was asked of Proxmox about one guest and one target; what could not be asked is None, and refuses nothing.

    Attributes:
        preconditions: None without quorum, and for containers before PVE 9.
        ha: For a guest under HA.
        options: For a guest under HA.
        replicas: Node that the guest is replicated to -> whether it has a copy; empty when it is not.
        cpu_type: Of a virtual machine.
        source: Its machine now.
        target: The one it is to run on.
        idle_storages: Storages of the guest that the target has and cannot use now.
        local_volumes: Of a container, which preconditions say nothing of: volumes that the source alone holds.
        unseen_storages: Storages of a container of which the token may not know whether they are shared.
        bound_by: Keys of a container's configuration that use the source itself.
        free_bytes: Storage of the target -> what is left on it, as far as told; empty when nothing is to be copied.
    """

    preconditions: Preconditions | None = None
    ha: HaStatus | None = None
    options: ClusterOptions | None = None
    replicas: Mapping[str, bool] = field(default_factory=dict)
    cpu_type: str | None = None
    source: Machine | None = None
    target: Machine | None = None
    idle_storages: tuple[str, ...] = ()
    local_volumes: tuple[Volume, ...] = ()
    unseen_storages: tuple[str, ...] = ()
    bound_by: tuple[str, ...] = ()
    free_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def copied(self) -> tuple[Volume, ...]:
        """What the source alone holds, and a move would copy."""
        return (() if self.preconditions is None else self.preconditions.local_disks) + self.local_volumes

    def copied_whole(self, target: str) -> tuple[Volume, ...]:
        """... and of it, what the target has no copy of."""
        return local_disks.copied_whole(self.copied, replicated=self.replicas.get(target, False))


def guest_obstacle(guest: Guest, look: CloserLook, rules: Rules) -> Refusal | None:
    """What keeps the guest where it is, whatever the target."""
    told = look.preconditions
    return (
        ha_refusal(guest, look.ha, look.options, rules)
        or (None if told is None else _tied(guest, told))
        or _bound(guest, look.bound_by)
        or _unseen(guest, look.unseen_storages)
        or (None if look.replicas else local_disks.refusal(guest, look.copied, rules))
    )


def target_obstacle(guest: Guest, target: Node, look: CloserLook, rules: Rules) -> Refusal | None:
    """What keeps the guest from this target."""
    return (
        _kept_apart(guest, target, look.preconditions)
        or _not_its_replica(guest, target, look.replicas)
        or _idle(guest, target, look.idle_storages)
        or local_disks.refusal(guest, look.copied, rules, replicated=look.replicas.get(target.name, False))
        or local_disks.no_space(guest, target.name, look.copied_whole(target.name), look.free_bytes)
        or _unfit(guest, look)
    )


def last_obstacle(guest: Guest, target: Node, look: CloserLook, rules: Rules) -> Refusal | None:
    """What is in the way right before the migration is asked for: all of it, and HA's view of the target."""
    return (
        guest_obstacle(guest, look, rules)
        or target_obstacle(guest, target, look, rules)
        or ha_target_refusal(guest, target)
    )


def _tied(guest: Guest, preconditions: Preconditions) -> Refusal | None:
    vmid = guest.vmid
    if preconditions.local_resources:
        return Refusal(
            Reason.GUEST_HAS_LOCAL_RESOURCES,
            f"Guest {vmid} is bound to {guest.node} by {', '.join(preconditions.local_resources)}: remove them from "
            f"its configuration, or map them, to make it movable.",
        )
    if preconditions.ha_dependents:
        return Refusal(
            Reason.HA_AFFINITY,
            f"HA would move {', '.join(preconditions.ha_dependents)} along with guest {vmid}, as an affinity rule "
            f"says, and the move is about one guest alone: change that rule, or move them together by hand.",
        )
    return None


def _bound(guest: Guest, keys: tuple[str, ...]) -> Refusal | None:
    if not keys:
        return None
    return Refusal(
        Reason.GUEST_HAS_LOCAL_RESOURCES,
        f"Container {guest.vmid} uses devices or paths of {guest.node} itself ({', '.join(keys)}), and would not start "
        f"elsewhere: remove them, or mark a mount point that every node has with shared=1.",
    )


def _unseen(guest: Guest, storages: tuple[str, ...]) -> Refusal | None:
    # Proxmox copies a container's local volumes unasked: that they are shared must be known, not hoped.
    if not storages:
        return None
    return Refusal(
        Reason.GUEST_HAS_LOCAL_DISKS,
        f"It cannot be told whether {', '.join(storages)}, where volumes of container {guest.vmid} lie, is shared by "
        f"all nodes: grant the token Datastore.Audit on {', '.join(f'/storage/{name}' for name in storages)}.",
    )


def _kept_apart(guest: Guest, target: Node, preconditions: Preconditions | None) -> Refusal | None:
    if preconditions is None:
        return None
    name, vmid = target.name, guest.vmid
    if blockers := preconditions.ha_blockers.get(name):
        return Refusal(
            Reason.HA_AFFINITY,
            f"An HA affinity rule keeps guest {vmid} apart from {', '.join(blockers)} on {name}: change that rule, or "
            f"name another target.",
        )
    if name in preconditions.ha_forbidden:
        return Refusal(
            Reason.HA_AFFINITY,
            f"An HA rule about nodes does not let guest {vmid} stay on {name}, or would take it back from there: "
            f"change that rule or the guest's failback, or name another target.",
        )
    obstacles = preconditions.obstacles.get(name, ())
    allowed = preconditions.allowed_nodes is None or name in preconditions.allowed_nodes
    if allowed and not obstacles:
        return None
    why = ", ".join(obstacles) or "its storage, mappings or HA rules do not allow it"
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Proxmox does not let guest {vmid} go to {name} ({why}): remove that obstacle, or name another target.",
    )


def _not_its_replica(guest: Guest, target: Node, replicas: Mapping[str, bool]) -> Refusal | None:
    if not replicas or target.name in replicas:
        return None
    why = "would be copied whole to any other node" if guest.container else "is moved nowhere else by Proxmox"
    return Refusal(
        Reason.GUEST_REPLICATED_ELSEWHERE,
        f"Guest {guest.vmid} is replicated to {', '.join(sorted(replicas))} and {why}: name that as the target, or add "
        f"a replication job to {target.name}.",
    )


def _idle(guest: Guest, target: Node, storages: tuple[str, ...]) -> Refusal | None:
    if not storages:
        return None
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Node {target.name} cannot use {', '.join(storages)} now, where disks of guest {guest.vmid} lie: look at "
        f"`pvesm status` there.",
    )


def _unfit(guest: Guest, look: CloserLook) -> Refusal | None:
    # A container is started anew: it has no processor to keep, nor a state that an older QEMU would not understand.
    if guest.container or look.source is None or look.target is None:
        return None
    return machines.unfit(guest.vmid, look.cpu_type, look.source, look.target)
