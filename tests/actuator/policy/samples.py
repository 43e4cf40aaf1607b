"""The original experiment's cluster and rules, and small variations of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actuator.policy.cluster import Cluster, Guest, History, Node
from actuator.policy.jobs import Job, JobState
from actuator.policy.orders import Action, Order
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode, Rules
from actuator.policy.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Iterable

GIB = 1024**3
NOW = 1_760_000_000.0

RULES = Rules(
    mode=Mode.ACT,
    nodes=frozenset({"pve", "pve2"}),
    wakeable=frozenset({"pve"}),
    allowed_vmids=frozenset({100}),
    allowed_tag="wattshift",
    cooldown_seconds=600,
    daily_limit=4,
    episode_limit=3,
    parallel_limit=2,
    breaker_failures=3,
    breaker_seconds=3600,
    alert_max_age_seconds=3600,
    memory_reserve_bytes=GIB,
)

ASLEEP = Node("pve", online=False)
SOURCE = Node("pve2", online=True, memory_bytes=8 * GIB, max_memory_bytes=16 * GIB)
AWAKE = Node("pve", online=True, memory_bytes=2 * GIB, max_memory_bytes=16 * GIB)
GUEST = Guest(
    100,
    "qemu",
    "pve2",
    "running",
    name="web",
    tags=frozenset({"wattshift"}),
    cpu=0.9,
    max_cpu=4,
    max_memory_bytes=4 * GIB,
)

ORDER = Order(Action.MIGRATE, "pve2", vmid=100, target_node="pve")
ANY_GUEST = Order(Action.MIGRATE, "pve2")
WAKE = Order(Action.WAKE, None, target_node="pve")


def cluster(*nodes: Node, guests: Iterable[Guest] = (GUEST,), quorate: bool = False) -> Cluster:
    """A cluster of these nodes; of the original two, with ``pve`` off, when none are given."""
    return Cluster(
        "lab",
        quorate=quorate,
        nodes={node.name: node for node in nodes or (ASLEEP, SOURCE)},
        guests={guest.vmid: guest for guest in guests},
    )


def rules(**changes: Any) -> Rules:
    """`RULES` with changes."""
    return replace(RULES, **changes)


def situation(
    seen: Cluster, history: History | None = None, rails: Rules = RULES, power: Power | None = None, **more: Any
) -> Situation:
    """All that placement rests on, with nothing remembered and no power known unless given."""
    return Situation(seen, history or History(), rails, power or Power(), **more)


def job(job_id: str = "j1", order: Order = ORDER, **changes: Any) -> Job:
    """A job just begun for an order, with changes."""
    begun = Job(
        id=job_id,
        order=order,
        state=JobState.QUEUED,
        reason=Reason.ACCEPTED,
        message="Accepted.",
        created_at=NOW,
        updated_at=NOW,
        vmid=order.vmid,
    )
    return replace(begun, **changes)
