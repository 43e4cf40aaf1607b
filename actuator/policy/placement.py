"""Which guest, and where to: deterministic, from one look at the cluster.

Nothing here asks for quorum: in a cluster of two, the survivor has none until the woken node joins, so quorum gates the
migration and never the waking. Statistics may be missing (a node that is off has none, a token without Sys.Audit sees
none): an unknown figure never refuses anything, it only ranks behind the known ones. Proxmox has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster, Guest, History, Node
    from actuator.policy.rules import Rules

_MIB = 1024 * 1024


def candidates(source: str, cluster: Cluster, rules: Rules) -> list[Guest]:
    """The guests on a node that may be chosen, those first that keep most processors busy; ties by vmid.

    They carry the configured tag, run, and are neither containers nor templates nor locked.
    """
    fit = [
        guest
        for guest in cluster.guests.values()
        if guest.node == source
        and rules.allowed_tag is not None
        and rules.allowed_tag in guest.tags
        and guest.kind == "qemu"
        and guest.status == "running"
        and not guest.template
        and guest.lock is None
    ]
    return sorted(fit, key=lambda guest: (-(guest.cpu or 0.0) * (guest.max_cpu or 0), guest.vmid))


def node_refusal(node: Node, history: History, rules: Rules) -> Refusal | None:
    """Why a node can neither be used nor woken."""
    if node.ha_state == "maintenance":
        return Refusal(
            Reason.TARGET_IN_MAINTENANCE,
            f"Node {node.name} is in maintenance: end it (ha-manager crm-command node-maintenance disable {node.name}) "
            f"or name another target.",
        )
    if node.online:
        return None
    if node.name in history.quarantined:
        return Refusal(
            Reason.TARGET_QUARANTINED,
            f"Node {node.name} is off and not woken any more ({history.quarantined[node.name]}): switch it on by hand; "
            f"once it is seen online it is trusted again.",
        )
    if node.name not in rules.wakeable:
        return Refusal(
            Reason.NO_TARGET_FITS,
            f"Node {node.name} is off and nothing says how to wake it: configure nodes.{node.name}.wake, or switch it "
            f"on.",
        )
    return None


def target_refusal(guest: Guest, node: Node, cluster: Cluster, history: History, rules: Rules) -> Refusal | None:
    """Why a guest cannot go to a node."""
    refusal = node_refusal(node, history, rules)
    free = free_bytes(node, guest, cluster, history)
    if refusal is not None or free is None or guest.max_memory_bytes is None:
        return refusal
    if free - guest.max_memory_bytes >= rules.memory_reserve_bytes:
        return None
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Node {node.name} has {free // _MIB} MiB of memory free, but guest {guest.vmid} needs "
        f"{guest.max_memory_bytes // _MIB} MiB and {rules.memory_reserve_bytes // _MIB} MiB stay in reserve: free some "
        f"there, or name another target.",
    )


def choose_target(guest: Guest, cluster: Cluster, history: History, rules: Rules) -> Node | Refusal:
    """The node to move a guest to when nobody named one.

    The online node with most memory free; else one that is off and can be woken, by the same order. Ties by name.
    """
    others = [cluster.nodes[name] for name in sorted(rules.nodes & cluster.nodes.keys() - {guest.node})]
    if not others:
        return Refusal(
            Reason.NO_TARGET_FITS,
            f"No node but {guest.node} is both in the cluster and configured: add the other nodes under 'nodes'.",
        )
    refusals = [(node, target_refusal(guest, node, cluster, history, rules)) for node in others]
    usable = [node for node, refusal in refusals if refusal is None]
    if usable:
        return min(
            usable, key=lambda node: (not node.online, -(free_bytes(node, guest, cluster, history) or 0), node.name)
        )
    found = [refusal for _, refusal in refusals if refusal is not None]
    reasons = {refusal.reason for refusal in found}
    return Refusal(
        reasons.pop() if len(reasons) == 1 else Reason.NO_TARGET_FITS, " ".join(refusal.message for refusal in found)
    )


def free_bytes(node: Node, guest: Guest, cluster: Cluster, history: History) -> int | None:
    """A node's memory that is free for a guest, or None when its statistics do not tell.

    A node that is off comes up empty. Guests that are on their way to the node have their memory already.
    """
    used = node.memory_bytes if node.online else 0
    if node.max_memory_bytes is None or used is None:
        return None
    coming = 0
    for job in history.live_jobs:
        other = cluster.guests.get(job.vmid) if job.vmid is not None else None
        if other is None or other.vmid == guest.vmid or other.node == node.name or job.order.dry_run:
            continue
        if job.target == node.name:
            coming += other.max_memory_bytes or 0
    return node.max_memory_bytes - used - coming
