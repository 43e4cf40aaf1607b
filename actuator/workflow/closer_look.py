"""Asking Proxmox about one move: what it alone knows.

It is asked twice: in preflight, as far as it can be told before the target is awake, so that no node is woken in vain
and a better choice is found; and right before the migration, when all of it can be told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import Permanent, Temporary
from actuator.policy.closer_look import CloserLook
from actuator.policy.machines import Cpu, Machine, needs_cpu, needs_flags

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster, Guest
    from actuator.workflow.means import Means


def early_look(guest: Guest, target: str, cluster: Cluster, means: Means, *, chosen: bool) -> CloserLook:
    """Ask what can be told now; what Proxmox cannot or will not tell yet is left out, and met before the migration.

    Args:
        guest: The guest.
        target: Where it may go.
        cluster: As seen just now.
        means: What the steps work with.
        chosen: We chose the target, so that one whose storages work is better; one that was named is waited for.
    """
    look = CloserLook()
    try:
        look = _at_ha(guest, look, means)
        if not cluster.quorate or guest.lock is not None:
            return look
        look = _at_source(guest, look, means)
        if cluster.nodes[target].online:
            look = _at_space(target, _at_machines(guest, target, look, means), means)
            look = _at_storages(guest, target, look, means) if chosen else look
    except (Temporary, Permanent):
        return look
    return look


def full_look(guest: Guest, target: str, means: Means) -> CloserLook:
    """Ask all of it.

    Raises:
        Temporary: Not now: no quorum, a lock, no answer.
        Permanent: Never: a privilege is missing.
    """
    look = _at_source(guest, _at_ha(guest, CloserLook(), means), means)
    return _at_space(target, _at_machines(guest, target, look, means), means)


def _at_ha(guest: Guest, look: CloserLook, means: Means) -> CloserLook:
    if not guest.under_ha:
        return look
    return replace(look, ha=means.proxmox.ha_status(), options=means.proxmox.cluster_options())


def _at_source(guest: Guest, look: CloserLook, means: Means) -> CloserLook:
    """What is told without the target, which may sleep."""
    proxmox = means.proxmox
    look = replace(
        look,
        preconditions=proxmox.preconditions(guest.node, guest.vmid, guest.kind),
        replicas=proxmox.replicas(guest.node, guest.vmid),
    )
    return _at_volumes(guest, look, means) if guest.container else look


def _at_machines(guest: Guest, target: str, look: CloserLook, means: Means) -> CloserLook:
    if guest.container:
        return look
    cpu_type = means.proxmox.guest_config(guest.node, guest.vmid).cpu_type
    source = _machine(guest.node, means, cpu=needs_cpu(cpu_type))
    there = _machine(target, means, cpu=needs_cpu(cpu_type) or needs_flags(cpu_type))
    return replace(look, cpu_type=cpu_type, source=source, target=there)


def _machine(node: str, means: Means, *, cpu: bool) -> Machine:
    told = means.proxmox.cpu(node) if cpu else Cpu()
    return Machine(node, told.model, means.proxmox.version(node), told.flags)


def _at_volumes(guest: Guest, look: CloserLook, means: Means) -> CloserLook:
    """What of a container the source alone holds, as its configuration and the source's storages tell."""
    config = means.proxmox.guest_config(guest.node, guest.vmid, guest.kind)
    held = (*config.disks, *config.unused)
    shared = {storage.name: storage.shared for storage in means.proxmox.storages(guest.node)}
    return replace(
        look,
        bound_by=config.bound_by,
        local_volumes=tuple(disk for disk in held if shared.get(disk.storage) is False),
        unseen_storages=tuple(sorted({disk.storage for disk in held if shared.get(disk.storage) is None})),
    )


def _at_space(target: str, look: CloserLook, means: Means) -> CloserLook:
    """How much the target can take, when disks would be copied to it."""
    if means.rules.local_disks_max_bytes is None or not look.copied:
        return look
    told = {storage.name: storage.free_bytes for storage in means.proxmox.storages(target)}
    return replace(look, free_bytes={name: free for name, free in told.items() if free is not None})


def _at_storages(guest: Guest, target: str, look: CloserLook, means: Means) -> CloserLook:
    idle = {storage.name for storage in means.proxmox.storages(target) if not storage.active}
    if not idle:
        return look
    needed = means.proxmox.disk_storages(guest.node, guest.vmid, guest.kind)
    return replace(look, idle_storages=tuple(sorted(idle & needed)))
