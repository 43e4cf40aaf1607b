"""What is told of a job's way: metrics through the observer, events through the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from actuator.policy.jobs import JobState
from actuator.workflow.stages import seconds as seconds_of

if TYPE_CHECKING:
    from actuator.policy.jobs import Job, MoveWatts
    from actuator.policy.reasons import Reason
    from actuator.workflow.result import StepResult

_log = structlog.get_logger(__name__)

_OWN = frozenset({"job", "message", "reason", "failure", "vmid", "source", "target", "guest_node", "upid"})


class Observer(Protocol):
    """Who keeps the figures. Called from several threads."""

    def step_finished(self, step: str, seconds: float) -> None:
        """A step has come to its end, whatever that was."""
        ...

    def woken(self, node: str, method: str, seconds: float) -> None:
        """A node has joined the cluster so long after it was first asked to wake."""
        ...

    def stage_reached(self, stage: str, seconds: float) -> None:
        """A node that was woken has got so far, so long after it was first asked to wake."""
        ...

    def arrived(self, source: str, target: str, at: float) -> None:
        """A guest has arrived from one node at another, at this Unix time."""
        ...

    def migrated(self, downtime: float | None, duration: float | None) -> None:
        """A guest has arrived; seconds, as far as its task told them."""
        ...

    def transferred(self, size_bytes: int) -> None:
        """A guest has arrived; bytes of its state that were moved, when its task told them."""
        ...

    def measured(self, watts: MoveWatts) -> None:
        """The nodes of a move were looked at a second time; watts, as far as Prometheus told them."""
        ...

    def decided(self, reason: Reason) -> None:
        """It was decided with Proxmox's view whether to go on."""
        ...

    def leading(self, leads: bool) -> None:  # noqa: FBT001 - the one thing it is about
        """Whether this process leads now."""
        ...


def report(before: Job, saved: StepResult, observer: Observer) -> None:
    """Tell what one saved tick has changed.

    Args:
        before: The job before the tick.
        saved: What was saved.
        observer: Who keeps the figures.
    """
    after = saved.job
    if saved.message is not None:
        tell = _log.error if after.state is JobState.FAILED else _log.info
        tell(
            f"job.{after.state}" if after.state != before.state else "job.news",
            job=after.id,
            message=saved.message,
            reason=str(after.reason),
            failure=None if after.failure is None else str(after.failure),
            vmid=after.vmid,
            source=after.source,
            target=after.target,
            guest_node=after.guest_node,
            upid=after.checkpoint.upid or before.checkpoint.upid,
            **{key: value for key, value in saved.detail.items() if key not in _OWN},
        )
    _stages(before, after, observer)
    if after.state == before.state:
        return
    began = before.checkpoint.step_started_at
    seconds = 0.0 if began is None else max(0.0, after.updated_at - began)
    if before.state is not JobState.QUEUED:
        observer.step_finished(str(before.state), seconds)
    if after.state is JobState.SKIPPED or (
        before.state is JobState.PREFLIGHT and after.state in {JobState.WAKING, JobState.AWAITING_READY}
    ):
        observer.decided(after.reason)
    if before.state is JobState.WAKING and after.state is JobState.AWAITING_READY:
        _woken(after, observer)
    if before.state is JobState.VERIFYING and after.state is JobState.SUCCEEDED:
        if after.source is not None and after.target is not None:
            observer.arrived(after.source, after.target, after.updated_at)
        outcome = after.checkpoint.outcome
        observer.migrated(
            None if outcome is None else outcome.downtime_seconds,
            None if outcome is None else outcome.duration_seconds,
        )
        if outcome is not None and outcome.transferred_bytes is not None:
            observer.transferred(outcome.transferred_bytes)


def _stages(before: Job, after: Job, observer: Observer) -> None:
    if not after.checkpoint.woken:  # it was up already, or came by another hand
        return
    for stage, taken in seconds_of(after.checkpoint).items():
        if stage not in before.checkpoint.stages:
            observer.stage_reached(stage, taken)


def _woken(job: Job, observer: Observer) -> None:
    checkpoint = job.checkpoint
    if checkpoint.woken and checkpoint.asked_at is not None and job.target is not None:
        seconds = max(0.0, job.updated_at - checkpoint.asked_at)
        observer.woken(job.target, checkpoint.wake_method or "", seconds)
