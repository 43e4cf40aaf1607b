"""Which job may go on: one migration per guest and node at a time, and only so many in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.policy.jobs import Job

DECIDED = frozenset({JobState.WAKING, JobState.AWAITING_READY, JobState.MIGRATING, JobState.VERIFYING})
"""Past preflight: guest, source and target are taken."""
BEGUN = DECIDED | {JobState.PREFLIGHT}


def obstacle(job: Job, others: Iterable[Job], limit: int) -> str | None:
    """What a job must wait for, as a sentence, or None.

    The sentence names no other job, so that it stays the same while those come and go.

    Args:
        job: The job that wants to go on; what it does not know yet is in nobody's way.
        others: The jobs that have taken what they need; the job itself is passed over.
        limit: Jobs at work at a time.
    """
    at_work = [other for other in others if other.id != job.id]
    wanted = _nodes(job)
    for other in at_work:
        if job.vmid is not None and other.vmid == job.vmid:
            return f"Waits until another job with guest {job.vmid} is over."
        if busy := sorted(wanted & _nodes(other)):
            return f"Waits until another job with node {busy[0]} is over."
    if len(at_work) >= limit:
        return f"Waits until one of {limit} jobs at work is over (limits.parallel)."
    return None


def _nodes(job: Job) -> frozenset[str]:
    nodes = {job.source or job.order.node, job.target or job.order.target_node}
    return frozenset(node for node in nodes if node is not None)
