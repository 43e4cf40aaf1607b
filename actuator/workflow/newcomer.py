"""A target that has just got up is put up with for a while: what is not right with it yet comes right by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actuator.policy.cluster import Node
    from actuator.policy.jobs import Job


def just_up(job: Job, target: Node | None, seconds: float, now: float) -> bool:
    """Whether the job's target got up so short a while ago.

    Args:
        job: Which tells when it was ready, if it was asked to wake for this job.
        target: As seen now, which may tell its uptime; somebody else may have switched it on.
        seconds: How long the while is.
        now: Unix seconds.
    """
    stages = job.checkpoint.stages
    if job.checkpoint.asked_at is not None and stages and now - max(stages.values()) < seconds:
        return True
    return target is not None and target.uptime_seconds is not None and target.uptime_seconds < seconds
