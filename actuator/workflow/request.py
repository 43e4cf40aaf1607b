"""The request itself: how each kind of guest is asked for, and with what it takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy import local_disks
from actuator.policy.versions import CONNTRACK_STATE

if TYPE_CHECKING:
    from actuator.policy.cluster import Guest
    from actuator.workflow.means import Means


class LocalDisksGrown(Exception):
    """Between the last look and the request, the guest got disks that may not be copied; the message says which."""


def request(guest: Guest, target: str, means: Means) -> str:
    """Ask Proxmox to move a guest; returns the UPID of the task that does it, or that asks HA to.

    HA hears of none of the options: it copies local disks in any case, and restarts containers its own way.

    Raises:
        LocalDisksGrown: Nothing was asked for.
        Temporary: As the adapter tells.
        Permanent: As the adapter tells.
    """
    proxmox, rules = means.proxmox, means.rules
    if guest.container:
        return proxmox.migrate_container(guest.node, guest.vmid, target, shutdown_seconds=rules.restart_timeout_seconds)
    running = guest.status != "stopped"
    return proxmox.migrate(
        guest.node,
        guest.vmid,
        target,
        online=running,
        local_disks=_copies_disks(guest, means),
        conntrack_state=running and rules.conntrack_state and _takes_conntrack_state(guest.node, means),
    )


def _copies_disks(guest: Guest, means: Means) -> bool:
    """Whether local disks go along; looked at again, since permission is about what there is now."""
    if means.rules.local_disks_max_bytes is None:
        return False
    preconditions = means.proxmox.preconditions(guest.node, guest.vmid)
    disks = () if preconditions is None else preconditions.local_disks
    refusal = local_disks.refusal(guest, disks, means.rules)
    if refusal is not None:
        raise LocalDisksGrown(refusal.message)
    return bool(disks)


def _takes_conntrack_state(node: str, means: Means) -> bool:
    version = means.proxmox.version(node)
    return version is not None and version >= CONNTRACK_STATE
