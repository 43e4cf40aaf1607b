"""The request itself: how each kind of guest is asked for, and with what it takes along."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actuator.policy import local_disks
from actuator.policy.versions import CONNTRACK_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.policy.cluster import Guest, Volume
    from actuator.policy.refusal import Refusal
    from actuator.workflow.means import Means


def request(guest: Guest, target: str, means: Means) -> Callable[[], str] | Refusal:
    """Make ready to ask Proxmox to move a guest: all looks come before, so that the request itself is one call.

    HA hears of none of the options: it copies local disks in any case, and restarts containers its own way.

    Returns:
        What sends the request and gives the UPID of the task that does it, or that asks HA to; or why it may not be
        sent: since the last look the guest got disks that may not be copied.

    Raises:
        Temporary: As the adapter tells.
        Permanent: As the adapter tells.
    """
    proxmox, rules = means.proxmox, means.rules
    if guest.container:
        return partial(
            proxmox.migrate_container,
            guest.node,
            guest.vmid,
            target,
            shutdown_seconds=rules.restart_timeout_seconds,
            last_word=means.may_act,
        )
    disks = _local_disks(guest, means)
    replicated = bool(disks) and proxmox.replicas(guest.node, guest.vmid).get(target, False)
    if (refusal := local_disks.refusal(guest, disks, rules, replicated=replicated)) is not None:
        return refusal
    running = guest.status != "stopped"
    return partial(
        proxmox.migrate,
        guest.node,
        guest.vmid,
        target,
        online=running,
        local_disks=bool(disks),
        conntrack_state=running and rules.conntrack_state and _takes_conntrack_state(guest.node, means),
        last_word=means.may_act,
    )


def _local_disks(guest: Guest, means: Means) -> tuple[Volume, ...]:
    """What would be copied, looked at again: leave to copy is about what there is now. Without leave nothing is."""
    if means.rules.local_disks_max_bytes is None:
        return ()
    preconditions = means.proxmox.preconditions(guest.node, guest.vmid)
    return () if preconditions is None else preconditions.local_disks


def _takes_conntrack_state(node: str, means: Means) -> bool:
    version = means.proxmox.version(node)
    return version is not None and version >= CONNTRACK_STATE
