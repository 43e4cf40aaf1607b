"""Which guest may move: the named one, or those to choose among."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy import limits, placement
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster, Guest
    from actuator.policy.orders import Order
    from actuator.policy.rules import Rules
    from actuator.policy.situation import Situation


def not_allowed(vmid: int, rules: Rules) -> Refusal | None:
    """Why a guest may not be moved, as far as its number alone tells; with a tag configured, its tags decide."""
    if vmid in rules.allowed_vmids or rules.allowed_tag is not None:
        return None
    return Refusal(
        Reason.GUEST_NOT_ALLOWED,
        f"Guest {vmid} is not one the actuator may move: add it to guests.vmids, or configure guests.tag and tag it.",
    )


def movable(order: Order, situation: Situation, *, now: float) -> list[Guest] | Refusal:
    """The guests that may carry out the order, best first and never none: the named one, or those to choose among."""
    cluster, history, rules = situation.cluster, situation.history, situation.rules
    if order.vmid is not None:
        guest = _named(order.vmid, order, cluster, rules)
        return guest if isinstance(guest, Refusal) else limits.resting(guest.vmid, history, rules, now) or [guest]
    tagged = placement.candidates(str(order.node), cluster, rules, situation.power)
    if not tagged:
        return _no_candidate(order, situation)
    busy = {job.vmid: job for job in history.live_jobs if job.vmid is not None and not job.order.dry_run}
    refusals = [
        limits.guest_in_flight(guest.vmid, busy[guest.vmid])
        if guest.vmid in busy
        else limits.resting(guest.vmid, history, rules, now)
        for guest in tagged
    ]
    rested = [guest for guest, refusal in zip(tagged, refusals, strict=True) if refusal is None]
    return rested or next(refusal for refusal in refusals if refusal is not None)


def _no_candidate(order: Order, situation: Situation) -> Refusal:
    """None can be chosen: not now, as a lock ends by itself, or not at all."""
    rules = situation.rules
    held = placement.candidates(str(order.node), situation.cluster, rules, situation.power, locked=True)
    if held:
        return _locked(held[0], str(held[0].lock))
    return Refusal(
        Reason.NO_CANDIDATE_GUEST,
        f"No guest on {order.node} can be chosen: none that runs carries the tag '{rules.allowed_tag}'; tag those that "
        f"may move.",
    )


def unsettled(guest: Guest) -> Refusal | None:
    """Why a guest that may move cannot be moved at this moment: it does not run, or is locked."""
    if guest.status != "running":
        return _not_running(guest, guest.status)
    return None if guest.lock is None else _locked(guest, guest.lock)


def _named(vmid: int, order: Order, cluster: Cluster, rules: Rules) -> Guest | Refusal:
    guest = cluster.guests.get(vmid)
    if guest is None:
        return Refusal(
            Reason.GUEST_NOT_FOUND,
            f"Proxmox shows no guest {vmid}: correct the label 'vmid', or grant the token VM.Audit on /vms/{vmid}.",
        )
    return not_for_us(guest, rules) or _place(guest, order, rules) or unsettled(guest) or guest


def not_for_us(guest: Guest, rules: Rules) -> Refusal | None:
    """Why a guest may not be moved at all: neither its number nor its tags allow it, or it is of a kind to be left."""
    vmid = guest.vmid
    if vmid not in rules.allowed_vmids and (rules.allowed_tag is None or rules.allowed_tag not in guest.tags):
        how = "" if rules.allowed_tag is None else f", or tag it '{rules.allowed_tag}' in Proxmox"
        return Refusal(
            Reason.GUEST_NOT_ALLOWED,
            f"Guest {vmid} is not one the actuator may move: add it to guests.vmids{how}.",
        )
    if guest.template:
        return Refusal(Reason.GUEST_IS_TEMPLATE, f"Guest {vmid} is a template, which never runs: name another guest.")
    if guest.kind != "qemu" and not (guest.container and rules.restart_containers):
        return Refusal(
            Reason.GUEST_NOT_ALLOWED,
            f"Guest {vmid} is a container ({guest.kind}), which Proxmox cannot move without stopping it: allow that "
            f"with guests.restart_containers, or name a virtual machine.",
        )
    return None


def _place(guest: Guest, order: Order, rules: Rules) -> Refusal | None:
    vmid = guest.vmid
    if guest.node == order.target_node:
        return Refusal(Reason.GUEST_ALREADY_THERE, f"Guest {vmid} is on {guest.node} already; nothing to do.")
    if order.node is not None and guest.node != order.node:
        return Refusal(
            Reason.GUEST_ELSEWHERE,
            f"Guest {vmid} is on {guest.node}, not on {order.node}: moving it would not relieve {order.node}; name a "
            f"guest that runs there.",
        )
    if guest.node not in rules.nodes:
        return Refusal(
            Reason.UNKNOWN_NODE, f"Guest {vmid} is on {guest.node}, which is not configured: add it under 'nodes'."
        )
    return None


def _not_running(guest: Guest, status: str) -> Refusal:
    if status == "unknown":
        return Refusal(
            Reason.GUEST_NOT_ALLOWED,
            f"Proxmox does not tell whether guest {guest.vmid} runs: see that {guest.node} is up and that pvestatd "
            f"runs there.",
        )
    return Refusal(
        Reason.GUEST_NOT_ALLOWED,
        f"Guest {guest.vmid} is {status}, and only a running guest draws power that could move: start it, or name "
        f"another.",
    )


def _locked(guest: Guest, lock: str) -> Refusal:
    return Refusal(
        Reason.GUEST_LOCKED,
        f"Guest {guest.vmid} is locked by Proxmox ({lock}): wait until that is over; the actuator never unlocks.",
    )
