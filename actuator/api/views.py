"""Jobs as the API shows them: times in RFC 3339, absent things null."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel

from actuator.policy.episodes import Episode
from actuator.policy.jobs import Failure, Job, JobEvent, JobState, MoveWatts, Outcome, Progress
from actuator.policy.orders import Order
from actuator.policy.reasons import Reason

_FIRST_SECOND = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST_SECOND = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


class EventView(BaseModel):
    """One line of a job's history.

    Attributes:
        id: Grows; a reader of the stream resumes after it.
        at: When.
        state: The job's state after it.
        message: A sentence.
        detail: Facts: stage, upid, progress.
    """

    id: int
    at: datetime
    state: JobState
    message: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, event: JobEvent) -> Self:
        """Show this event."""
        return cls(id=event.id, at=utc(event.at), state=event.state, message=event.message, detail=dict(event.detail))


class WattsView(BaseModel):
    """What both nodes of a move drew, each a mean over a minute; null where it is not known.

    Attributes:
        source_before: The source, right before the migration was asked for.
        source_after: The source, a while after the move.
        target_before: The target, awake already, right before the migration was asked for.
        target_after: The target, a while after the move.
        change: By how much both together draw more than before; below 0 is less.
        due_at: When the second look is taken; null before the move is over, and once it was taken.
        measured_at: When it was taken.
    """

    source_before: float | None
    source_after: float | None
    target_before: float | None
    target_after: float | None
    change: float | None
    due_at: datetime | None
    measured_at: datetime | None

    @classmethod
    def of(cls, watts: MoveWatts) -> Self:
        """Show these."""
        return cls(
            source_before=watts.source_before,
            source_after=watts.source_after,
            target_before=watts.target_before,
            target_after=watts.target_after,
            change=watts.change,
            due_at=None if watts.due_at is None else utc(watts.due_at),
            measured_at=None if watts.measured_at is None else utc(watts.measured_at),
        )


class JobView(BaseModel):
    """A job.

    Attributes:
        id: Its key.
        state: Where it stands; the middle states are the workflow's steps.
        reason: ``accepted``, or why nothing was done.
        message: The newest sentence about it.
        failure: Why it failed, exactly when it did.
        order: What was asked for, and by whom.
        episode_id: The alert's episode; null for an order by hand.
        vmid: The guest, once decided.
        source: Where it was when the job began.
        target: Where it goes, or the node to wake, once decided.
        guest_node: Where the guest was seen last.
        upid: The Proxmox task that is followed.
        progress: Of the live migration.
        outcome: What the migration cost.
        watts: What both nodes drew before and after; null when Prometheus does not tell.
        cancel_requested: Whether somebody asked to cancel.
        created_at: When it was accepted.
        updated_at: When it changed last.
        finished_at: When it ended.
    """

    id: str
    state: JobState
    reason: Reason
    message: str
    failure: Failure | None
    order: Order
    episode_id: str | None
    vmid: int | None
    source: str | None
    target: str | None
    guest_node: str | None
    upid: str | None
    progress: Progress | None
    outcome: Outcome | None
    watts: WattsView | None
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Show this job."""
        return cls(**_shown(job))


class EpisodeView(BaseModel):
    """The firing of an alert that asked for a job.

    Attributes:
        id: Its key.
        alertname: The rule's name.
        starts_at: When the alert began to fire.
        last_seen_at: When Alertmanager told of it last.
        resolved_at: When Alertmanager told that it is over; null while it fires.
    """

    id: str
    alertname: str
    starts_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None

    @classmethod
    def of(cls, episode: Episode) -> Self:
        """Show this episode."""
        return cls(
            id=episode.id,
            alertname=episode.alertname,
            starts_at=utc(episode.starts_at),
            last_seen_at=utc(episode.last_seen_at),
            resolved_at=None if episode.resolved_at is None else utc(episode.resolved_at),
        )


class JobDetail(JobView):
    """A job with its history.

    Attributes:
        episode: The alert behind it; null for an order by hand.
        events: Oldest first.
    """

    episode: EpisodeView | None
    events: list[EventView]

    @classmethod
    def with_history(cls, job: Job, episode: Episode | None, events: list[JobEvent]) -> Self:
        """Show this job, what asked for it and what became of it."""
        return cls(
            **_shown(job),
            episode=None if episode is None else EpisodeView.of(episode),
            events=[EventView.of(event) for event in events],
        )


def _shown(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "reason": job.reason,
        "message": job.message,
        "failure": job.failure,
        "order": job.order,
        "episode_id": job.episode_id,
        "vmid": job.vmid,
        "source": job.source,
        "target": job.target,
        "guest_node": job.guest_node,
        "upid": job.checkpoint.upid,
        "progress": job.checkpoint.progress,
        "outcome": job.checkpoint.outcome,
        "watts": None if job.checkpoint.watts is None else WattsView.of(job.checkpoint.watts),
        "cancel_requested": job.cancel_requested,
        "created_at": utc(job.created_at),
        "updated_at": utc(job.updated_at),
        "finished_at": None if job.finished_at is None else utc(job.finished_at),
    }


def utc(unix: float) -> datetime:
    """Show a time; bounded, so that no number in the database keeps a job from being shown."""
    return datetime.fromtimestamp(min(max(unix, _FIRST_SECOND), _LAST_SECOND), UTC)
