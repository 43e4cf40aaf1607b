"""Whether a node has room for a guest: memory, processors, watts.

Memory counts twice: what is used now, and what was promised. A guest that idles uses little of what it may use, and one
night all of them may want theirs; but ballooning and page sharing are there to promise more than there is, so how much
more is a setting. Proxmox tells a guest's maximum for all guests at once, its minimum (``balloon``) only one by one.

Figures lag: a guest that has just come to a node has its memory and its watts there before the node's figures show it.

Statistics may be missing (a node that is off has none, a token without Sys.Audit sees none, power is known only with
Prometheus): an unknown figure never refuses anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from actuator.policy.cluster import Guest, History, Node
    from actuator.policy.situation import Situation

_MIB = 1024 * 1024
_MEMORY_SECONDS = 20.0  # Proxmox shares statistics every ten
ARRIVAL_SECONDS = 90.0
"""Until watts show who came: the minute of the mean, and some scrapes."""


def arrivals(history: History, now: float) -> dict[int, float]:
    """Guests whose move is so short ago that the figures of their node may not show them -> seconds since."""
    ages = {vmid: now - at for vmid, at in history.last_moved_at.items()}
    return {vmid: age for vmid, age in ages.items() if 0 <= age < ARRIVAL_SECONDS}


def no_room(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    """Why a node has no room for a guest."""
    return (
        _memory(guest, node, situation)
        or _promises(guest, node, situation)
        or _processors(guest, node, situation)
        or _watts(guest, node, situation)
    )


def free_bytes(node: Node, guest: Guest, situation: Situation) -> int | None:
    """A node's memory that is free for a guest, or None when its statistics do not tell.

    A node that is off comes up empty. Guests that are on their way to the node, or have just come, have their memory
    already.
    """
    used = node.memory_bytes if node.online else 0
    if node.max_memory_bytes is None or used is None:
        return None
    coming = situation.not_shown_on(node.name, guest, _MEMORY_SECONDS)
    return node.max_memory_bytes - used - sum(other.max_memory_bytes or 0 for other in coming)


def spare_watts(node: Node, guest: Guest, situation: Situation) -> float | None:
    """Watts that an online node may draw more before its own threshold, None if unknown.

    Guests that are on their way to it, or have just come, are counted.

    What a node that is off would draw is not known.
    """
    headroom = situation.power.headroom(node.name) if node.online else None
    if headroom is None:
        return None
    return headroom - sum(
        situation.power.guest_watts.get(other.vmid, 0.0)
        for other in situation.not_shown_on(node.name, guest, ARRIVAL_SECONDS)
    )


def _memory(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    free, reserve = free_bytes(node, guest, situation), situation.rules.memory_reserve_bytes
    if free is None or guest.max_memory_bytes is None or free - guest.max_memory_bytes >= reserve:
        return None
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Node {node.name} has {free // _MIB} MiB of memory free, but guest {guest.vmid} needs "
        f"{guest.max_memory_bytes // _MIB} MiB and {reserve // _MIB} MiB stay in reserve: free some there, or name "
        f"another target.",
    )


def _promises(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    limit, total = situation.rules.memory_overcommit, node.max_memory_bytes
    if limit is None or total is None or guest.max_memory_bytes is None:
        return None
    promised = situation.memory_promised.get(node.name, 0) if node.online else 0
    promised += sum(other.max_memory_bytes or 0 for other in situation.coming_to(node.name, guest))
    usable = total - situation.rules.memory_reserve_bytes
    if promised + guest.max_memory_bytes <= limit * usable:
        return None
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Node {node.name} has {usable // _MIB} MiB of memory for guests and promises {promised // _MIB} MiB to those "
        f"that run; the {guest.max_memory_bytes // _MIB} MiB of guest {guest.vmid} would exceed "
        f"limits.memory_overcommit ({limit:g} for each): name another target, or raise it.",
    )


def _processors(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    limit = situation.rules.cpu_overcommit
    if limit is None or not node.max_cpu or guest.max_cpu is None:
        return None
    given = situation.processors_given.get(node.name, 0) if node.online else 0
    given += sum(other.max_cpu or 0 for other in situation.coming_to(node.name, guest))
    if given + guest.max_cpu <= limit * node.max_cpu:
        return None
    return Refusal(
        Reason.NO_TARGET_FITS,
        f"Node {node.name} has {node.max_cpu} processors and gives {given} to its guests; the {guest.max_cpu} of guest "
        f"{guest.vmid} would exceed limits.cpu_overcommit ({limit:g} for each): name another target, or raise it.",
    )


def _watts(guest: Guest, node: Node, situation: Situation) -> Refusal | None:
    watts = situation.power.guest_watts.get(guest.vmid)
    spare = spare_watts(node, guest, situation)
    if watts is None or spare is None or watts <= spare:
        return None
    return Refusal(
        Reason.TARGET_OVER_POWER,
        f"Node {node.name} may draw {max(spare, 0.0):.0f} W more before its own threshold of "
        f"{situation.power.node_thresholds[node.name]:.0f} W, but guest {guest.vmid} draws about {watts:.0f} W: name "
        f"another target, or let power fall there first.",
    )
