"""Orders that waited for so long, in the queue, through a pause or while nobody led, that they may hold no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.limits import outlived

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.policy.refusal import Refusal
    from actuator.workflow.means import Means


def outdated(job: Job, means: Means, now: float) -> Refusal | None:
    """Why nothing is begun for a job any more; None once a node was asked to wake for it, or a migration asked for.

    An alert is as old as the newest word of it: Alertmanager repeats what still fires.

    Raises:
        StoreUnavailable: The episode cannot be read.
    """
    checkpoint, by_hand = job.checkpoint, job.episode_id is None
    if checkpoint.asked_at is not None or checkpoint.known_upids is not None:
        return None
    refusal = outlived(now - job.created_at, means.rules, by_hand=by_hand)
    if refusal is None or job.episode_id is None:
        return refusal
    episode = means.store.episode(job.episode_id)
    heard_at = job.created_at if episode is None else max(job.created_at, episode.last_seen_at)
    return outlived(now - heard_at, means.rules, by_hand=by_hand)
