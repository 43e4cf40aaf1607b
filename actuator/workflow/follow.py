"""Following a migration task to its end.

HA takes a request at once and works on it later: its task ends well when the request is queued, and the migration is a
second task, by root@pam, that begins some rounds later, or never.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.adapters.tasklog import read_log
from actuator.adapters.tasks import HA_REQUEST, kind_of
from actuator.errors import ProxmoxDenied, ProxmoxRefused, ProxmoxUnreachable
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.ha_silence import why_ha_waits
from actuator.workflow.means import look, move_of
from actuator.workflow.newcomer import just_up
from actuator.workflow.result import advance, fail, sentence, stay

if TYPE_CHECKING:
    from actuator.adapters.tasklog import LogReading
    from actuator.policy.cluster import Cluster
    from actuator.policy.jobs import Job, Progress
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult

_MOST_ATTEMPTS = 5  # against locks, and with a target that has long been up
_PAUSE_SECONDS = 5.0  # between attempts: a node that boots needs a moment until its ssh answers
_MIB = 1024**2


def follow(job: Job, means: Means, now: float) -> StepResult:
    """See how the migration goes; when it has ended, go on to verify, ask again, or fail."""
    upid = job.checkpoint.upid
    if upid is None:
        raise ValueError(f"job {job.id} has no task to follow")
    try:
        task = means.proxmox.task(upid)
        # While it runs the new lines are enough; its cost is told over the whole log.
        lines = means.proxmox.task_log(upid, job.checkpoint.log_lines if task.running else 0)
    except (ProxmoxUnreachable, ProxmoxRefused, ProxmoxDenied):
        # The source is off, or knows nothing of the task any more; the guest may have arrived all the same.
        arrived = _arrived(job, means, "its task can no longer be read")
        if arrived is None:
            raise
        return arrived
    if task.running:
        return _under_way(job, lines, means, now)
    if task.succeeded and task.kind == HA_REQUEST:
        return _taken_by_ha(job, means, now)
    reading = read_log(lines)
    job = replace(job, checkpoint=replace(job.checkpoint, outcome=reading.outcome))
    if task.succeeded:
        return advance(job, JobState.VERIFYING, "The migration task has ended.", exit_status=task.exit_status)
    cause = reading.error or task.exit_status
    arrived = _arrived(job, means, f"its task ended with '{cause}'")
    if arrived is not None:
        return arrived
    return _failed(job, str(cause), reading, means, now)


def _under_way(job: Job, lines: list[str], means: Means, now: float) -> StepResult:
    before = job.checkpoint
    progress = read_log(lines).progress or before.progress
    copies = bool(lines) and kind_of(str(before.upid)) == "vzmigrate"  # a container's copy tells no total
    moved = copies or (progress is not None and progress != before.progress)
    checkpoint = replace(
        before,
        log_lines=before.log_lines + len(lines),
        progress=progress,
        moved_at=now if moved or before.moved_at is None else before.moved_at,
    )
    job = replace(job, checkpoint=checkpoint)
    patience = means.timing.migration_timeout_seconds
    if checkpoint.moved_at is not None and now - checkpoint.moved_at >= patience:
        return fail(
            job,
            Failure.NOT_PROVEN,
            f"The migration made no progress in {patience:.0f} s and runs still. It was not interrupted: look at task "
            f"{checkpoint.upid} in Proxmox, and stop it there if it hangs.",
        )
    if progress is None or progress == before.progress:
        return stay(job, means.timing.poll_seconds)
    return stay(job, means.timing.poll_seconds, _told(progress), **_facts(progress))


def _taken_by_ha(job: Job, means: Means, now: float) -> StepResult:
    """HA has queued the request: find the migration that it makes of it."""
    move = move_of(job)
    known = job.checkpoint.known_upids or ()
    children = [
        task
        for task in means.proxmox.migration_tasks(move.source, move.vmid)
        if task.kind != HA_REQUEST and task.upid not in known
    ]
    if children:
        child = children[-1]
        checkpoint = replace(job.checkpoint, upid=child.upid, log_lines=0, progress=None, moved_at=now)
        message = "HA has begun the migration."
        return stay(replace(job, checkpoint=checkpoint), 0.0, message, upid=child.upid)
    arrived = _arrived(job, means, "HA's task for it is not listed")
    if arrived is not None:
        return arrived
    patience = means.timing.ready_timeout_seconds
    asked_at = now if job.checkpoint.moved_at is None else job.checkpoint.moved_at
    why = why_ha_waits(job, means)
    if why.at_it:
        patience = means.timing.migration_timeout_seconds
    if why.final or now - asked_at >= patience:
        waited = "" if why.final else f" in {patience:.0f} s"
        return fail(
            job,
            Failure.NOT_PROVEN if why.at_it else Failure.MIGRATION_FAILED,
            f"HA took the request and did nothing about it{waited}: {why.told}. Guest {move.vmid} is on "
            f"{job.guest_node}. See `ha-manager status`.",
        )
    message = "HA has queued the migration."
    return stay(job, means.timing.poll_seconds, None if job.message == message else message)


def _arrived(job: Job, means: Means, remark: str) -> StepResult | None:
    """Go on to verify when the guest is on the target, whatever its task says."""
    move = move_of(job)
    job, _, guest = look(job, means)
    if guest is None or guest.node != move.target:
        return None
    return advance(job, JobState.VERIFYING, f"Guest {move.vmid} is on {move.target}, although {remark}.")


def _failed(job: Job, cause: str, reading: LogReading, means: Means, now: float) -> StepResult:
    move = move_of(job)
    seen = (*(job.checkpoint.known_upids or ()), job.checkpoint.upid)
    tasks = means.proxmox.migration_tasks(move.source, move.vmid)
    if other := next((task for task in tasks if task.running and task.upid not in seen), None):
        # An earlier request of ours was carried out late, and this one stumbled over it.
        checkpoint = replace(job.checkpoint, upid=other.upid, log_lines=0, progress=None, outcome=None)
        message = f"Task {job.checkpoint.upid} failed ({cause}), as the migration has begun already; it is followed."
        return stay(replace(job, checkpoint=checkpoint), 0.0, message, upid=other.upid)
    job, cluster, guest = look(job, means)
    here = guest is not None and guest.node == move.source
    if here and _worth_another(job, reading, cluster, means, now):
        checkpoint = replace(job.checkpoint, upid=None, known_upids=None, outcome=None, progress=None)
        message = f"{_what_passes(reading, job)} ({cause}); it is tried again."
        return stay(replace(job, checkpoint=checkpoint), _PAUSE_SECONDS, message, attempts=checkpoint.attempts)
    if guest is None:
        whereabouts = "The guest is not in the cluster any more: look at its configuration in /etc/pve."
    elif here:
        whereabouts = f"Guest {move.vmid} stayed on {guest.node} ({guest.status})."
    else:
        whereabouts = f"Guest {move.vmid} is on {guest.node} ({guest.status})."
    failure = Failure.MIGRATION_FAILED if here else Failure.NOT_PROVEN
    message = (
        f"{sentence(f'the migration failed: {cause}')} {whereabouts} The log of task {job.checkpoint.upid} tells more."
    )
    if job.checkpoint.attempts > 1:
        message = f"{message} It was tried {job.checkpoint.attempts} times."
    return fail(job, failure, message, cause=cause, guest_node=job.guest_node, attempts=job.checkpoint.attempts)


def _worth_another(job: Job, reading: LogReading, cluster: Cluster, means: Means, now: float) -> bool:
    """Whether it failed by what ends by itself: a lock, or what a target has behind it once it is truly up."""
    if reading.locked:
        return job.checkpoint.attempts < _MOST_ATTEMPTS
    if not (reading.too_early or reading.perhaps_too_early):
        return False
    if just_up(job, cluster.nodes.get(job.target or ""), means.timing.ready_timeout_seconds, now):
        return True
    return reading.too_early and job.checkpoint.attempts < _MOST_ATTEMPTS


def _what_passes(reading: LogReading, job: Job) -> str:
    if reading.locked:
        return f"Guest {move_of(job).vmid} got locked meanwhile"
    return f"Node {move_of(job).target} does not take migrations yet"


def _told(progress: Progress) -> str:
    moved, total = progress.transferred_bytes / _MIB, progress.total_bytes / _MIB
    speed = "" if progress.bytes_per_second is None else f" at {progress.bytes_per_second / _MIB:.0f} MiB/s"
    return f"Moved {moved:.0f} of {total:.0f} MiB{speed}."


def _facts(progress: Progress) -> dict[str, object]:
    return {
        "transferred_bytes": progress.transferred_bytes,
        "total_bytes": progress.total_bytes,
        "bytes_per_second": progress.bytes_per_second,
    }
