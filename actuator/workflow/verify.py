"""Proving that the guest arrived: the cluster shows it on the target, running and unlocked, and the target says so.

What the cluster shows of a guest is what its node told last: for some seconds after the move, that was the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.errors import ProxmoxDenied, ProxmoxRefused, ProxmoxUnreachable
from actuator.policy.cluster import UNMANAGED
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.means import look, move_of
from actuator.workflow.result import advance, fail, stay

if TYPE_CHECKING:
    from actuator.policy.cluster import Guest
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult


def verify(job: Job, means: Means, now: float) -> StepResult:
    """Look until it is proven, for a bounded time, since statistics lag behind."""
    move = move_of(job)
    job, _, guest = look(job, means)
    doubt = (
        doubt_about(guest, move.target)
        or _doubt_of_target(guest, move.target, means)
        or _doubt_of_ha(guest, move.target, means)
    )
    if doubt is None:
        return advance(job, JobState.SUCCEEDED, _told(job, means), **_cost(job))
    patience = means.timing.verify_timeout_seconds
    began = now if job.checkpoint.step_started_at is None else job.checkpoint.step_started_at
    if now - began >= patience:
        return fail(
            job,
            Failure.NOT_PROVEN,
            f"Guest {move.vmid} is not proven to run on {move.target} after {patience:.0f} s: {doubt}. "
            f"Look at it in Proxmox before anything else is done with it.",
            guest_node=job.guest_node,
        )
    return stay(job, means.timing.poll_seconds)


def doubt_about(guest: Guest | None, target: str) -> str | None:
    """What is not as it should be, or None."""
    if guest is None:
        return "it is not in the cluster"
    if guest.node != target:
        return f"it is on {guest.node} ({guest.status})"
    if guest.lock is not None:
        return f"it is there, but locked ({guest.lock})"
    if guest.status != "running":
        return f"it is there, but {guest.status}"
    if guest.ha_state not in UNMANAGED | {"started"}:
        return f"it is there, but its HA state is {guest.ha_state}"
    return None


def _doubt_of_target(guest: Guest | None, target: str, means: Means) -> str | None:
    """What the target itself says against it: it may have the guest, standing still, or dead since."""
    if guest is None:
        return None
    state = means.proxmox.guest_state(target, guest.vmid, guest.kind)
    return None if state == "running" else f"it is there, but {state} by the word of {target}"


def _doubt_of_ha(guest: Guest | None, target: str, means: Means) -> str | None:
    """What HA's own manager says against it: it would move back a guest that it places elsewhere."""
    if guest is None or not guest.under_ha:
        return None
    service = means.proxmox.ha_status().services.get(guest.sid)
    if service is None or (service.node, service.state) == (target, "started"):
        return None
    return f"it is there, but to HA its service is {service.state} on {service.node}"


def _told(job: Job, means: Means) -> str:
    move, outcome = move_of(job), job.checkpoint.outcome
    told = f"Guest {move.vmid} runs on {move.target}."
    if outcome is not None and outcome.downtime_seconds is not None:
        told = f"{told} It stood still for {outcome.downtime_seconds * 1000:.0f} ms."
    upid = job.checkpoint.upid
    if upid is None:
        return told
    try:
        task = means.proxmox.task(upid)
    except (ProxmoxUnreachable, ProxmoxRefused, ProxmoxDenied):
        return f"{told} Its task on {move.source} can no longer be read."
    if task.succeeded and task.exit_status == "OK":
        return told
    return f"{told} Its task ended with '{task.exit_status}': see the log of {upid} for what was left behind."


def _cost(job: Job) -> dict[str, object]:
    outcome = job.checkpoint.outcome
    if outcome is None:
        return {}
    return {
        "downtime_seconds": outcome.downtime_seconds,
        "duration_seconds": outcome.duration_seconds,
        "transferred_bytes": outcome.transferred_bytes,
    }
