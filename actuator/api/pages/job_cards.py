"""What the page shows of each job. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from actuator.api.pages.timeline import Step, rough_steps
from actuator.api.views import WattsView, utc
from actuator.policy.jobs import Job, JobState, Outcome, Progress
from actuator.policy.orders import Action

Names = Mapping[int, str | None]
"""vmid -> the guest's name."""

_TOLD_SHARE = 25
"""Percent; a reader of screens is told of a migration in such steps, not of each look at it."""


@dataclass(frozen=True, slots=True)
class JobCard:
    """A job on the page.

    Attributes:
        id: Its key.
        what: The guest, or the node to wake.
        route: Where from and where to, as far as decided; empty for a wake.
        state: Where it stands.
        verdict: Why it failed, or why nothing was done; None otherwise.
        message: The newest sentence about it.
        progress: Of the live migration, while it is under way.
        percent: The same as a share; None when it is not known.
        cancellable: Whether it may still be cancelled.
        cancelling: Whether somebody asked for that.
        dry_run: Whether it only decides.
        requested_by: The name of the token that asked.
        by_alert: Whether an alert did.
        begun_at: When it was accepted.
        ended_at: When it ended.
        seconds: How long it has taken.
        outcome: What the migration cost.
        watts: What both nodes drew before and after.
        guest_node: Where the guest was seen last.
        steps: Where each step stands.
    """

    id: str
    what: str
    route: str
    state: JobState
    verdict: str | None
    message: str
    progress: Progress | None
    percent: int | None
    cancellable: bool
    cancelling: bool
    dry_run: bool
    requested_by: str
    by_alert: bool
    begun_at: datetime
    ended_at: datetime | None
    seconds: float
    outcome: Outcome | None
    watts: WattsView | None
    guest_node: str | None
    steps: list[Step]

    @property
    def said(self) -> str:
        """The same as a sentence to be read aloud; it changes when something is worth being heard."""
        whole = f"{self.what} {self.route}".strip()
        share = "" if self.percent is None else f", {self.percent - self.percent % _TOLD_SHARE} percent"
        why = "" if self.verdict is None else f": {self.verdict.replace('_', ' ')}"
        return f"{whole}: {self.state.replace('_', ' ')}{share}{why}."


def job_card(job: Job, names: Names, now: float) -> JobCard:
    """Return the card of a job.

    Args:
        job: It.
        names: Of the guests, as far as known.
        now: Unix seconds.
    """
    progress = job.checkpoint.progress if job.state is JobState.MIGRATING else None
    watts = job.checkpoint.watts
    return JobCard(
        id=job.id,
        what=_what(job, names),
        route=_route(job),
        state=job.state,
        verdict=_verdict(job),
        message=job.message,
        progress=progress,
        percent=None if progress is None else _percent(progress),
        cancellable=job.live and job.cancellable and not job.cancel_requested,
        cancelling=job.live and job.cancel_requested,
        dry_run=job.order.dry_run,
        requested_by=job.order.requested_by,
        by_alert=job.episode_id is not None,
        begun_at=utc(job.created_at),
        ended_at=None if job.finished_at is None else utc(job.finished_at),
        seconds=max(0.0, (now if job.finished_at is None else job.finished_at) - job.created_at),
        outcome=job.checkpoint.outcome,
        watts=None if watts is None else WattsView.of(watts),
        guest_node=job.guest_node,
        steps=rough_steps(job),
    )


def _what(job: Job, names: Names) -> str:
    if job.order.action is Action.WAKE:
        return f"Wake {job.target or job.order.target_node or job.order.node}"
    if job.vmid is None:
        return f"A guest of {job.order.node}"
    name = names.get(job.vmid)
    return f"Guest {job.vmid}" if name is None else f"Guest {job.vmid} {name}"


def _route(job: Job) -> str:
    if job.order.action is Action.WAKE:
        return ""
    source = job.source or job.order.node
    target = job.target or job.order.target_node or "a node of our choice"
    return f"to {target}" if source is None else f"from {source} to {target}"


def _verdict(job: Job) -> str | None:
    if job.failure is not None:
        return job.failure
    return job.reason if job.state is JobState.SKIPPED else None


def _percent(progress: Progress) -> int | None:
    if progress.total_bytes <= 0:
        return None
    return min(100, progress.transferred_bytes * 100 // progress.total_bytes)
