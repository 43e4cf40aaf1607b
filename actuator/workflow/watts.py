"""The watts on the job: what both nodes drew before a move, taken right before it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.jobs import JobState, MoveWatts

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.policy.power import Power
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult


_MEAN_SECONDS = 75.0  # the minute of the mean, and a scrape


def with_watts(before: Job, result: StepResult, means: Means, now: float) -> StepResult:
    """Add to a tick's result what is to be remembered of power; the result itself when that is nothing.

    Args:
        before: The job before the tick.
        result: Of its step.
        means: What the steps work with.
        now: Unix seconds.
    """
    job = result.job
    watts = job.checkpoint.watts
    if job.state is JobState.MIGRATING and _about_to_ask(before, job):
        watts = before_the_move(job, _unblurred(means, now))
    elif job.state is JobState.SUCCEEDED and watts is not None:
        watts = replace(watts, due_at=now + means.timing.settle_seconds)
    if watts == job.checkpoint.watts:
        return result
    return replace(result, job=replace(job, checkpoint=replace(job.checkpoint, watts=watts)))


def _unblurred(means: Means, now: float) -> Power:
    """Power without the nodes of a move that ended within the mean's minute: their mean tells of that guest as well."""
    power, recent = means.power(), means.store.moves_since(now - _MEAN_SECONDS)
    ends = {node for other in recent for node in (other.source, other.target)}
    return replace(power, node_watts={node: watts for node, watts in power.node_watts.items() if node not in ends})


def before_the_move(job: Job, power: Power) -> MoveWatts | None:
    """Return the first half of the report, or None when there is nothing to compare with later."""
    watts = MoveWatts(
        source_before=None if job.source is None else power.node_watts.get(job.source),
        target_before=None if job.target is None else power.node_watts.get(job.target),
    )
    return None if watts == MoveWatts() else watts


def _about_to_ask(before: Job, after: Job) -> bool:
    return before.checkpoint.known_upids is None and after.checkpoint.known_upids is not None
