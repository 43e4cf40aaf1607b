"""Waking the target, and waiting until it joins the cluster. The cluster may well have no quorum until then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import Permanent, Temporary
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.means import look, target_of
from actuator.workflow.result import advance, fail, sentence, stay

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult


def wake(job: Job, means: Means, now: float) -> StepResult:
    """Go on when the target is a member; else send magic packets, again and again until the boot timeout."""
    target = target_of(job)
    job, cluster, _ = look(job, means)
    checkpoint = job.checkpoint
    node = cluster.nodes.get(target)
    if node is not None and node.online:
        return advance(job, JobState.AWAITING_READY, f"Node {target} has joined the cluster.")
    began = now if checkpoint.step_started_at is None else checkpoint.step_started_at
    patience = means.timing.boot_timeout(target)
    if now - began >= patience:
        return _never_woke(job, means, target, patience, now)
    due = 0.0
    if checkpoint.last_packet_at is not None:
        due = checkpoint.last_packet_at + means.timing.packet_interval_seconds - now
    if due > 0:
        return stay(job, min(means.timing.poll_seconds, due))
    try:
        sent = means.waker.wake(target)
    except Permanent as error:
        return fail(job, Failure.NEVER_WOKE, sentence(str(error)))
    except Temporary as error:
        message = sentence(str(error))
        return stay(job, error.after, None if job.message == message else message)
    first = checkpoint.packets_sent == 0
    checkpoint = replace(checkpoint, woken=True, packets_sent=checkpoint.packets_sent + sent, last_packet_at=now)
    return stay(
        replace(job, checkpoint=checkpoint),
        min(means.timing.poll_seconds, means.timing.packet_interval_seconds),
        f"Asked {target} to wake, which may take {patience:.0f} s." if first else f"Asked {target} to wake again.",
        packets_sent=checkpoint.packets_sent,
        method=means.waker.method,
    )


def _never_woke(job: Job, means: Means, target: str, patience: float, now: float) -> StepResult:
    sent = job.checkpoint.packets_sent
    if sent == 0:
        return fail(
            job, Failure.NEVER_WOKE, f"Nothing could be sent to wake {target} in {patience:.0f} s. {job.message}"
        )
    message = (
        f"Node {target} did not join in {patience:.0f} s after {sent} magic packets. Check that Wake-on-LAN "
        f"is on in its firmware (ErP off) and in Linux (ethtool shows 'Wake-on: g' before each power-off), that "
        f"nodes.{target}.wake.mac is that network card's, and that the broadcast reaches its network. "
        f"It is not woken again until it was seen online, so start it by hand once."
    )
    means.store.quarantine(target, message, now)
    return fail(job, Failure.NEVER_WOKE, message, packets_sent=sent)
