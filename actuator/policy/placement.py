"""Which guest, and where to: deterministic, from one look at the cluster.

Nothing here asks for quorum: in a cluster of two, the survivor has none until the woken node joins, so quorum gates the
migration and never the waking. An unknown figure never refuses anything, it only ranks behind the known ones. Proxmox
has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.room import free_bytes, no_room, spare_watts

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster, Guest, History, Node
    from actuator.policy.power import Power
    from actuator.policy.rules import Rules
    from actuator.policy.situation import Situation

_SENTENCES = 5
"""So many causes are told in full when no node fits; a large cluster has a thousand."""


def candidates(source: str, cluster: Cluster, rules: Rules, power: Power, *, locked: bool = False) -> list[Guest]:
    """The guests on a node that may be chosen, the one first that takes most power along.

    That is told by its estimated watts, else by the processors it keeps busy; ties by vmid. They carry the configured
    tag, run, and are neither templates nor locked. Containers, which a move restarts, come last and only if allowed.
    With ``locked``, those that only a lock keeps from being chosen.
    """
    fit = [
        guest
        for guest in cluster.guests.values()
        if guest.node == source
        and rules.allowed_tag is not None
        and rules.allowed_tag in guest.tags
        and (guest.kind == "qemu" or (guest.container and rules.restart_containers))
        and guest.status == "running"
        and not guest.template
        and (guest.lock is not None) == locked
    ]

    def rank(guest: Guest) -> tuple[bool, bool, float, float, int]:
        watts = power.guest_watts.get(guest.vmid)
        busy = (guest.cpu or 0.0) * (guest.max_cpu or 0)
        return guest.container, watts is None, -(watts or 0.0), -busy, guest.vmid

    return sorted(fit, key=rank)


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
            f"Node {node.name} is off and not woken any more ({history.quarantined[node.name]}): switch it on by hand, "
            f"and once it is seen online it is trusted again, or say that it may be woken: "
            f"wattshift-actuator clear-quarantine {node.name} (POST /api/v1/nodes/{node.name}/clear-quarantine).",
        )
    if node.name not in rules.wakeable:
        return Refusal(
            Reason.NO_TARGET_FITS,
            f"Node {node.name} is off and nothing says how to wake it: configure nodes.{node.name}.wake, or switch it "
            f"on.",
        )
    return None


def target_refusal(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    """Why a guest cannot go to a node."""
    return (
        node_refusal(node, situation.history, situation.rules)
        or situation.findings.get((guest.vmid, node.name))
        or no_room(guest, node, situation)
    )


def choose_target(guest: Guest, situation: Situation) -> Node | Refusal:
    """The node to move a guest to when nobody named one.

    The online node with most power headroom, then most memory free; else one that is off and can be woken, by the same
    order. Ties by name.
    """
    nodes, rules = situation.cluster.nodes, situation.rules
    others = [nodes[name] for name in sorted(rules.nodes & nodes.keys() - {guest.node})]
    if not others:
        return Refusal(
            Reason.NO_TARGET_FITS,
            f"No node but {guest.node} is both in the cluster and configured: add the other nodes under 'nodes'.",
        )
    refusals = [(node, target_refusal(guest, node, situation)) for node in others]
    usable = [node for node, refusal in refusals if refusal is None]
    if usable:
        return min(usable, key=lambda node: _rank(node, guest, situation))
    return _none_fits([refusal for _, refusal in refusals if refusal is not None])


def _rank(node: Node, guest: Guest, situation: Situation) -> tuple[bool, bool, float, int, str]:
    spare = spare_watts(node, guest, situation)
    free = free_bytes(node, guest, situation)
    return not node.online, spare is None, -(spare or 0.0), -(free or 0), node.name


def _none_fits(found: list[Refusal]) -> Refusal:
    reasons = {refusal.reason for refusal in found}
    told = [refusal.message for refusal in found[:_SENTENCES]]
    if len(found) > _SENTENCES:
        told.append(f"And {len(found) - _SENTENCES} nodes more do not fit.")
    return Refusal(reasons.pop() if len(reasons) == 1 else Reason.NO_TARGET_FITS, " ".join(told))
