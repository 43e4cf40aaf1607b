"""What the page shows of each node. Pure: takes what ``GET /api/v1/nodes`` tells, and the jobs that are under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from actuator.api.nodes import NodesAnswer, NodeView
from actuator.policy.jobs import Job, JobState

_METER_BEYOND_THRESHOLD = 1.25
"""The meter ends here, so that the threshold is always at the same place of it."""

_NEAR_THRESHOLD = 0.9

_GETTING_UP = frozenset({JobState.WAKING, JobState.AWAITING_READY})


class NodeState(StrEnum):
    """What a node is up to; ``off`` is one that nobody can wake."""

    ON = "on"
    WAKING = "waking"
    QUARANTINED = "quarantined"
    ASLEEP = "asleep"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meter:
    """A node's watts against its threshold, as HTML's ``meter`` wants them.

    Attributes:
        watts: What it draws.
        threshold: What is too much for it.
        near: From here on it is close to that.
        most: Where the meter ends.
    """

    watts: float
    threshold: float
    near: float
    most: float

    @property
    def over(self) -> bool:
        """Whether it draws too much."""
        return self.watts > self.threshold


@dataclass(frozen=True, slots=True)
class NodeCard:
    """A node on the page.

    Attributes:
        node: As the API tells it.
        state: What it is up to.
        meter: None when watts or threshold are not known.
        wakeable: Whether waking it would make sense now.
    """

    node: NodeView
    state: NodeState
    meter: Meter | None
    wakeable: bool


def node_cards(seen: NodesAnswer, running: Sequence[Job]) -> list[NodeCard]:
    """Return the cards, by name."""
    getting_up = {job.target for job in running if job.state in _GETTING_UP}
    return [_card(node, waking=node.name in getting_up) for node in seen.nodes]


def total_watts(seen: NodesAnswer) -> tuple[float | None, int]:
    """Return what the nodes draw together, and of how many that is known; None when of none."""
    known = [node.watts for node in seen.nodes if node.watts is not None]
    return (sum(known) if known else None), len(known)


def _card(node: NodeView, *, waking: bool) -> NodeCard:
    state = _state(node, waking=waking)
    return NodeCard(node, state, _meter(node), wakeable=state is NodeState.ASLEEP)


def _state(node: NodeView, *, waking: bool) -> NodeState:
    if node.online:
        return NodeState.ON
    if waking:
        return NodeState.WAKING
    if node.quarantined is not None:
        return NodeState.QUARANTINED
    if node.online is None:
        return NodeState.UNKNOWN
    return NodeState.OFF if node.wake is None else NodeState.ASLEEP


def _meter(node: NodeView) -> Meter | None:
    if node.watts is None or node.threshold_watts is None or node.threshold_watts <= 0:
        return None
    threshold = node.threshold_watts
    return Meter(node.watts, threshold, near=threshold * _NEAR_THRESHOLD, most=threshold * _METER_BEYOND_THRESHOLD)
