"""The decisions: on arrival, once Proxmox was looked at, and right before the migration is asked for.

Each is a pure function of what is known, and ends in a named reason with a sentence. What a label asks for can only
ever narrow what the operator's rules allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actuator.policy import guests, limits, placement
from actuator.policy.closer_look import last_obstacle
from actuator.policy.orders import Action
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.rules import Mode
from actuator.policy.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.closer_look import CloserLook
    from actuator.policy.cluster import Cluster, Guest, History, Node
    from actuator.policy.orders import Order
    from actuator.policy.rules import Rules

_CLOCK_SKEW_SECONDS = 600
"""As far apart may the clocks of Prometheus and of this machine be."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why.

    Attributes:
        act: Go on, or stop here.
        reason: ``accepted`` exactly when ``act``.
        message: For a person, with the next thing to do.
        vmid: The guest, as far as decided.
        source: Where it leaves from, as far as decided.
        target: Where it goes, or the node to wake, as far as decided.
    """

    act: bool
    reason: Reason
    message: str
    vmid: int | None = None
    source: str | None = None
    target: str | None = None


def at_intake(  # noqa: PLR0913 - all that is known, none of it belonging together
    order: Order, history: History, rules: Rules, *, now: float, episode_age: float | None, repeat: bool
) -> Decision:
    """Decide on arrival, without Proxmox: what it must be asked for is left to `at_preflight`.

    Quarantine is, because only Proxmox knows whether the node is back.

    Args:
        order: What was asked for.
        history: Our memory, the episode's included.
        rules: What may be done.
        now: Unix seconds.
        episode_age: Seconds since the alert began; None for an order by hand.
        repeat: Whether the episode was known before.
    """
    refusal = (
        _outside_the_rules(order, rules)
        or _ahead(episode_age)
        or _stale(rules, None if repeat else episode_age)
        or limits.repeated(order, history, rules)
        or limits.switched_off(history, rules, now)
        or limits.in_flight(order, history)
        or (None if order.vmid is None else limits.resting(order.vmid, history, rules, now))
    )
    if order.action is Action.WAKE:
        target = limits.wake_target(order)
        return _decision(refusal, f"Accepted: node {target} is to be awake.", None, None, target)
    guest = "a guest" if order.vmid is None else f"guest {order.vmid}"
    away = "" if order.node is None else f" from {order.node}"
    to = "another node" if order.target_node is None else order.target_node
    message = f"Accepted: {guest} is to move{away} to {to}."
    return _decision(refusal, message, order.vmid, order.node, order.target_node)


def at_preflight(  # noqa: PLR0913 - all that is known, none of it belonging together
    order: Order,
    cluster: Cluster,
    history: History,
    rules: Rules,
    *,
    now: float,
    power: Power | None = None,
    findings: Mapping[tuple[int, str | None], Refusal] | None = None,
    arrived: Mapping[int, float] | None = None,
) -> Decision:
    """Decide once the cluster was looked at: which guest, from where, to where, and whether all of it may be.

    Quorum is not looked at (see `placement`). With a guest to be chosen, ``history.live_jobs`` may hold the job itself
    only as long as no guest was written to it: a guest that has a live job is not chosen.

    Args:
        order: What was asked for.
        cluster: One look at it.
        history: Our memory.
        rules: What may be done.
        now: Unix seconds.
        power: One look at it; None when nothing tells.
        findings: What closer looks found in the way so far; see `Situation`.
        arrived: Guests that have just been moved; see `Situation`.
    """
    situation = Situation(cluster, history, rules, power or Power(), findings or {}, arrived or {})
    refusal = _outside_the_rules(order, rules) or _outside_the_cluster(order, cluster)
    if order.action is Action.WAKE:
        return _woken(order, refusal, cluster, history, rules)
    movable = refusal or guests.movable(order, situation, now=now)
    if isinstance(movable, Refusal):
        return _decision(movable, "", order.vmid, order.node, order.target_node)
    # Better the second busiest than none: take the first that some node can take.
    first: Decision | None = None
    for guest in movable:
        placed = _placed(guest, order, situation)
        if placed.reason in {Reason.ACCEPTED, Reason.OBSERVE_ONLY}:
            return placed
        first = first or placed
    if first is None:
        raise ValueError("guests.movable gave neither a guest nor a refusal")
    return first


def at_migration(guest: Guest, target: Node, look: CloserLook, rules: Rules) -> Decision:
    """Decide right before the migration is asked for, from Proxmox's own view of it, which needs quorum.

    Args:
        guest: As seen now.
        target: Where it shall go, as seen now.
        look: What Proxmox says about that.
        rules: What may be done.
    """
    if look.preconditions is not None:  # which know better than statistics that lag behind
        guest = replace(guest, status="running" if look.preconditions.running else "stopped")
    refusal = (
        guests.not_for_us(guest, rules)
        or _no_longer_ours(guest, target, rules)
        or guests.unsettled(guest)
        or last_obstacle(guest, target, look, rules)
    )
    message = f"Nothing keeps guest {guest.vmid} from {target.name}."
    return _decision(refusal, message, guest.vmid, guest.node, target.name)


def _decision(
    refusal: Refusal | None, accepted: str, vmid: int | None, source: str | None, target: str | None
) -> Decision:
    if refusal is None:
        return Decision(act=True, reason=Reason.ACCEPTED, message=accepted, vmid=vmid, source=source, target=target)
    return Decision(act=False, reason=refusal.reason, message=refusal.message, vmid=vmid, source=source, target=target)


def _outside_the_rules(order: Order, rules: Rules) -> Refusal | None:
    if order.node is not None and order.node not in rules.nodes:
        return Refusal(
            Reason.UNKNOWN_NODE,
            f"Node {order.node} is not configured: add it under 'nodes', or correct the label 'node'.",
        )
    if order.target_node is not None and order.target_node not in rules.nodes:
        return Refusal(
            Reason.UNKNOWN_TARGET,
            f"Target {order.target_node} is not configured: add it under 'nodes', or correct the label 'target_node'.",
        )
    if order.action is Action.WAKE:
        if limits.wake_target(order) is None:
            return Refusal(Reason.UNKNOWN_NODE, "The order names no node to wake: give it 'target_node'.")
        return None
    return guests.not_allowed(order.vmid, rules) if order.vmid is not None else _no_choice(order, rules)


def _no_choice(order: Order, rules: Rules) -> Refusal | None:
    if order.node is None:
        return Refusal(
            Reason.UNKNOWN_NODE, "The order names neither 'node' nor 'vmid': say what to move, or from where."
        )
    if order.node == order.target_node:
        return Refusal(
            Reason.UNKNOWN_TARGET, f"Target {order.target_node} is the node to be relieved: name another one, or none."
        )
    if rules.allowed_tag is None:
        return Refusal(
            Reason.NO_CANDIDATE_GUEST,
            "The order names no guest and no tag says which may be chosen: configure guests.tag, or name a 'vmid'.",
        )
    return None


def _outside_the_cluster(order: Order, cluster: Cluster) -> Refusal | None:
    for name, reason in ((order.node, Reason.UNKNOWN_NODE), (order.target_node, Reason.UNKNOWN_TARGET)):
        if name is not None and name not in cluster.nodes:
            return Refusal(
                reason,
                f"Proxmox knows no node {name}, only {', '.join(sorted(cluster.nodes))}: correct the name in the rule "
                f"and in the configuration.",
            )
    return None


def _no_longer_ours(guest: Guest, target: Node, rules: Rules) -> Refusal | None:
    """Whether the configuration has lost one of the nodes since the decision."""
    for name, reason in ((guest.node, Reason.UNKNOWN_NODE), (target.name, Reason.UNKNOWN_TARGET)):
        if name not in rules.nodes:
            return Refusal(reason, f"Node {name} is not configured any more: add it under 'nodes', and order it again.")
    return None


def _ahead(age: float | None) -> Refusal | None:
    if age is None or age >= -_CLOCK_SKEW_SECONDS:
        return None
    return Refusal(
        Reason.STALE_ALERT,
        f"The alert begins {-age:.0f} s in the future: set the clocks of this machine and of Prometheus right "
        f"(timedatectl).",
    )


def _stale(rules: Rules, age: float | None) -> Refusal | None:
    if age is None or age <= rules.alert_max_age_seconds:
        return None
    return Refusal(
        Reason.STALE_ALERT,
        f"The alert began {age:.0f} s ago and was never seen before, more than limits.alert_max_age_seconds allows: "
        f"see whether it still holds, and order the move by hand if it does.",
    )


def _woken(order: Order, refusal: Refusal | None, cluster: Cluster, history: History, rules: Rules) -> Decision:
    name = limits.wake_target(order)
    if refusal is not None or name is None:
        return _decision(refusal, "", None, None, name)
    node = cluster.nodes[name]
    deed = f"node {name} is on already" if node.online else f"node {name} is off and is woken"
    refusal = placement.node_refusal(node, history, rules) or _observed(order, rules, deed)
    return _decision(refusal, _sentence(deed), None, None, name)


def _placed(guest: Guest, order: Order, situation: Situation) -> Decision:
    target: Node | Refusal
    if (guest.vmid, None) in situation.findings:
        target = situation.findings[guest.vmid, None]
    elif order.target_node is None:
        target = placement.choose_target(guest, situation)
    else:
        target = situation.cluster.nodes[order.target_node]
        target = placement.target_refusal(guest, target, situation) or target
    if isinstance(target, Refusal):
        return _decision(target, "", guest.vmid, guest.node, order.target_node)
    name = f"{guest.vmid}" if guest.name is None else f"{guest.vmid} ({guest.name})"
    how = ", which restarts it" if guest.container else ""
    waking = "" if target.online else ", which is off and is woken first"
    deed = f"guest {name} moves from {guest.node} to {target.name}{waking}{how}"
    return _decision(_observed(order, situation.rules, deed), _sentence(deed), guest.vmid, guest.node, target.name)


def _sentence(deed: str) -> str:
    return f"{deed[0].upper()}{deed[1:]}."


def _observed(order: Order, rules: Rules, deed: str) -> Refusal | None:
    if order.dry_run:
        return Refusal(Reason.OBSERVE_ONLY, f"Dry run, nothing was done: {deed}. Order it without dry_run to do it.")
    if rules.mode is Mode.OBSERVE:
        return Refusal(Reason.OBSERVE_ONLY, f"Only observed, nothing was done: {deed}. Configure 'mode: act' to do it.")
    return None
