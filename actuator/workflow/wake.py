"""Waking the target, and waiting until it joins the cluster. The cluster may well have no quorum until then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.adapters.node_records import WakeTest
from actuator.adapters.waking import by_bmc
from actuator.errors import Permanent
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.means import target_of
from actuator.workflow.result import advance, fail, sentence, stay
from actuator.workflow.stages import REACHED, Stage, recorded, seconds, withdrawn
from actuator.workflow.unwoken import why_not

if TYPE_CHECKING:
    from actuator.adapters.waking import Attempt
    from actuator.policy.cluster import Node
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult

_TRY_AGAIN_SECONDS = 5.0
"""When no method could ask: networks come back sooner than nodes boot."""

_FRESH_SECONDS = 1.0


def wake(job: Job, means: Means, now: float) -> StepResult:
    """Go on when the target is a member; else ask it to wake, again and again until the boot timeout."""
    target = target_of(job)
    job = _as_remembered(job, means)
    node = None
    if not _just_seen_off(job, means, now):
        node = means.proxmox.members().get(target)  # one call: nothing else of the cluster counts here
    if node is not None and node.online:
        return _joined(job, means, target, now)
    job, sign = _sign_of_life(job, means, target, node, now)
    checkpoint = job.checkpoint
    # From the first request on, or anew after a pause; until then, how long it may take to be asked at all.
    began = max(now if checkpoint.step_started_at is None else checkpoint.step_started_at, checkpoint.asked_at or 0.0)
    patience = means.timing.boot_timeout(target)
    if now - began >= patience:
        return _never_woke(job, means, target, patience, now)
    due = 0.0
    if checkpoint.last_packet_at is not None:
        due = checkpoint.last_packet_at + means.timing.packet_interval_seconds - now
    if due > 0 or sign is not None:
        return stay(
            job, min(means.timing.poll_seconds, due) if due > 0 else 0.0, sign, **({} if sign is None else _times(job))
        )
    if not means.may_act():
        return stay(job, means.timing.poll_seconds)
    try:
        attempt = means.waker.wake(target)
    except Permanent as error:
        return fail(job, Failure.NEVER_WOKE, sentence(str(error)))
    asked = _asked(job, means, target, attempt, now)
    means.woken[job.id] = asked.job.checkpoint
    return asked


def _just_seen_off(job: Job, means: Means, now: float) -> bool:
    """Whether preflight's look serves for the first request: nothing is kept waiting by another one."""
    seen_at = means.seen_off.pop(job.id, None)
    return seen_at is not None and now - seen_at < _FRESH_SECONDS


def _as_remembered(job: Job, means: Means) -> Job:
    """The job with its newest request to wake, which could not be written down perhaps."""
    kept = means.woken.get(job.id)
    if kept is None or kept.last_packet_at is None or kept.last_packet_at <= (job.checkpoint.last_packet_at or 0.0):
        return job
    return replace(job, checkpoint=kept)


def _asked(job: Job, means: Means, target: str, attempt: Attempt, now: float) -> StepResult:
    """What one round through the node's methods comes to."""
    detail = {
        "failures": [
            {"method": str(name), "cause": str(cause), "message": message} for name, cause, message in attempt.failures
        ]
    }
    if attempt.hopeless:
        return fail(job, Failure.NEVER_WOKE, f"There is no way to wake {target}: {attempt.troubles}.", **detail)
    if not attempt.asked:
        message = f"{target} could not be asked to wake: {attempt.troubles}."
        pause = min(_TRY_AGAIN_SECONDS, means.timing.packet_interval_seconds)
        return stay(job, pause, None if job.message == message else message, **detail)
    before = job.checkpoint
    job = replace(
        job,
        checkpoint=replace(
            before,
            woken=before.woken or not attempt.was_on,
            asked_at=now if before.asked_at is None else before.asked_at,
            # A BMC that finds it on after somebody asked did not do it.
            wake_method=before.wake_method if attempt.was_on and before.wake_method else attempt.method,
            wake_troubles=attempt.troubles,
            packets_sent=before.packets_sent + attempt.packets,
            last_packet_at=now,
        ),
    )
    if attempt.was_on or (attempt.certain and not by_bmc(before.wake_method)):
        job, _ = recorded(job, [Stage.POWERED], now)
    elif attempt.certain:  # which took the request before, and has found the node off again
        job = withdrawn(job, Stage.POWERED)
    message = _told(target, attempt, means.timing.boot_timeout(target), first=before.asked_at is None)
    return stay(
        job,
        min(means.timing.poll_seconds, means.timing.packet_interval_seconds),
        None if job.message == message else message,  # a boot of minutes is no reason for a page of the same line
        packets_sent=job.checkpoint.packets_sent,
        method=attempt.method,
        **detail,
        **_times(job),
    )


def _told(target: str, attempt: Attempt, patience: float, *, first: bool) -> str:
    if attempt.was_on:
        message = f"The BMC of {target} says that it is on already ({attempt.method}), yet it has not joined."
    elif first:
        message = f"Asked {target} to wake by {attempt.method}, which may take {patience:.0f} s."
    else:
        message = f"Asked {target} to wake again, by {attempt.method}."
    return message if not attempt.failures else f"{message} Not by {attempt.troubles}."


def _sign_of_life(job: Job, means: Means, target: str, node: Node | None, now: float) -> tuple[Job, str | None]:
    """Whether the node answers on its network, looked for from the first request on until it was seen once."""
    checkpoint = job.checkpoint
    if checkpoint.asked_at is None or Stage.ANSWERS.value in checkpoint.stages:
        return job, None
    address = (None if node is None else node.address) or means.store.nodes.address(target)
    if address is None or not means.answers(address):
        return job, None
    job, _ = recorded(job, [Stage.ANSWERS], now)
    return job, sentence(REACHED[Stage.ANSWERS].format(node=target))


def _joined(job: Job, means: Means, target: str, now: float) -> StepResult:
    job, _ = recorded(job, [Stage.MEMBER], now)
    message = f"Node {target} has joined the cluster."
    checkpoint = job.checkpoint
    if not checkpoint.woken or checkpoint.asked_at is None:
        return advance(job, JobState.AWAITING_READY, message, **_times(job))
    method, took = checkpoint.wake_method or "", max(0.0, now - checkpoint.asked_at)
    # Before the job is saved: what is repeated after a crash writes the same.
    test = WakeTest(now, succeeded=True, method=method, seconds=took, message=message)
    means.store.nodes.woken(target, test, epoch=means.epoch)
    return advance(job, JobState.AWAITING_READY, message, method=method, wake_seconds=took, **_times(job))


def _never_woke(job: Job, means: Means, target: str, patience: float, now: float) -> StepResult:
    checkpoint = job.checkpoint
    if checkpoint.asked_at is None:
        return fail(job, Failure.NEVER_WOKE, f"{target} could not be asked to wake in {patience:.0f} s. {job.message}")
    method, message = checkpoint.wake_method or "", why_not(target, checkpoint, patience)
    took = now - checkpoint.asked_at
    test = WakeTest(now, succeeded=False, method=method, seconds=took, message=message)
    means.store.nodes.woken(target, test, epoch=means.epoch, quarantined=message, job_id=job.id)
    return fail(
        job,
        Failure.NEVER_WOKE,
        message,
        packets_sent=checkpoint.packets_sent,
        method=method,
        stage=next((stage for stage in (Stage.ANSWERS, Stage.POWERED) if stage in checkpoint.stages), "none"),
        **_times(job),
    )


def _times(job: Job) -> dict[str, object]:
    return {"stages": dict(job.checkpoint.stages), "seconds": seconds(job.checkpoint)}
