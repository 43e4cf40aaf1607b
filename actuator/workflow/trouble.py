"""What an error in a step means for its job: look again later, or the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import Permanent, ProxmoxDenied, ProxmoxNotReady, ProxmoxRefused, Temporary
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.result import fail, sentence, stay

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.workflow.result import StepResult
    from actuator.workflow.timing import Timing

_LONGEST_PAUSE_SECONDS = 15.0


def after_error(job: Job, error: Exception, timing: Timing, now: float) -> StepResult:
    """Temporary errors are met with growing pauses, up to a limit in all; everything else ends the job.

    Once the migration may have been asked for, a look that Proxmox refuses is as good as temporary: it says nothing of
    the migration, which runs on.

    Args:
        job: As it was before the tick that raised.
        error: What was raised.
        timing: The operator's patience.
        now: Unix seconds.
    """
    asked = job.checkpoint.known_upids is not None
    if isinstance(error, Temporary) or (asked and isinstance(error, ProxmoxDenied | ProxmoxRefused)):
        return _again(job, error, timing, now)
    if isinstance(error, ProxmoxDenied):
        return fail(job, Failure.PROXMOX_DENIED, f"{sentence(str(error))} {_whereabouts(job)}")
    if isinstance(error, ProxmoxRefused):
        return fail(job, Failure.PROXMOX_REFUSED, f"{sentence(str(error))} {_whereabouts(job)}", status=error.status)
    if isinstance(error, Permanent):
        return fail(job, Failure.INTERNAL, f"{sentence(str(error))} {_whereabouts(job)}")
    return fail(
        job,
        Failure.INTERNAL,
        f"The actuator met a defect of its own ({type(error).__name__}); its log has the details. {_whereabouts(job)}",
    )


def _again(job: Job, error: Temporary | Permanent, timing: Timing, now: float) -> StepResult:
    checkpoint = job.checkpoint
    since = now if checkpoint.failing_since is None else checkpoint.failing_since
    patience = timing.unreachable_timeout_seconds
    if now - since >= patience:
        return fail(
            job, _failure(job, error), f"{sentence(str(error))} It was tried for {patience:.0f} s. {_whereabouts(job)}"
        )
    growing = timing.poll_seconds * 2.0 ** min(checkpoint.failures, 10)
    shortest = error.after if isinstance(error, Temporary) else 0.0
    pause = max(shortest, min(growing, _LONGEST_PAUSE_SECONDS))
    met = replace(checkpoint, failures=checkpoint.failures + 1, failing_since=since)
    message = sentence(str(error))
    return stay(replace(job, checkpoint=met), pause, None if job.message == message else message)


def _failure(job: Job, error: Temporary | Permanent) -> Failure:
    over = job.state is JobState.VERIFYING
    if over or isinstance(error, Permanent) or (isinstance(error, ProxmoxNotReady) and job.checkpoint.upid is not None):
        return Failure.NOT_PROVEN
    return Failure.PROXMOX_REFUSED if isinstance(error, ProxmoxNotReady) else Failure.PROXMOX_UNREACHABLE


def _whereabouts(job: Job) -> str:
    """Where the guest is, as far as known."""
    if job.vmid is None:
        return "No guest was touched."
    if job.checkpoint.known_upids is None:
        where = "" if job.guest_node is None else f"; guest {job.vmid} is on {job.guest_node}"
        return f"No migration was asked for{where}."
    task = "" if job.checkpoint.upid is None else f" Its task is {job.checkpoint.upid}."
    if job.state is JobState.VERIFYING:
        return (
            f"Guest {job.vmid} was last seen on {job.guest_node}; its migration is over, and whether it runs there is "
            f"not proven.{task}"
        )
    return f"Guest {job.vmid} was last seen on {job.guest_node}; its migration may be running.{task}"
