"""Asking for the migration, exactly once as far as that can be had.

Before the request goes out, the guest's earlier migrations are written down; so whatever happens to the request, its
answer or this process, a migration that is not among them is ours, and is followed instead of asking again. What was
written down holds for a short while: when no migration has shown by then, everything is looked at anew, and until that
is done the job may be cancelled, held and skipped like any other that has asked for nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import GuestLocked, NotAsked, ProxmoxDenied, ProxmoxRefused
from actuator.policy.cluster import Node
from actuator.policy.decide import at_migration
from actuator.policy.jobs import Failure, JobState
from actuator.policy.placement import target_refusal
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.rules import Mode
from actuator.policy.situation import Situation
from actuator.workflow.closer_look import full_look
from actuator.workflow.follow import follow
from actuator.workflow.means import look, move_of
from actuator.workflow.newcomer import just_up
from actuator.workflow.request import request
from actuator.workflow.result import advance, fail, sentence, skip, stay

if TYPE_CHECKING:
    from actuator.adapters.tasks import Task
    from actuator.policy.cluster import Cluster, Guest
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means, Move
    from actuator.workflow.result import StepResult


_STATISTICS_SECONDS = 20.0  # Proxmox shares them every ten
_SETTLING_PAUSE_SECONDS = 5.0  # about a scrape
_PREPARED_SECONDS = 30.0
"""How long a look counts, and how long a request may take to become a task: Proxmox's own limit for passing it on."""


def migrate(job: Job, means: Means, now: float) -> StepResult:
    """Follow the task when there is one; else look, and ask for the migration."""
    if job.checkpoint.upid is not None:
        return follow(job, means, now)
    move = move_of(job)
    job, cluster, guest = look(job, means)
    tasks = means.proxmox.migration_tasks(move.source, move.vmid)
    known = job.checkpoint.known_upids
    if known is not None and (ours := [task for task in tasks if task.upid not in known]):
        return _adopted(job, ours, now)
    if guest is None or guest.node != move.source:
        return _elsewhere(job, guest)
    if known is None:
        return _prepared(job, guest, cluster, tasks, means, now)
    if now - (job.checkpoint.moved_at or 0.0) >= _PREPARED_SECONDS:
        return _dropped(job, now)
    return _asked(job, guest, means, now)


def _prepared(  # noqa: PLR0913, PLR0917 - what was just looked at
    job: Job, guest: Guest, cluster: Cluster, tasks: list[Task], means: Means, now: float
) -> StepResult:
    """The last look; then write down what there is already, so that ours can be told from it."""
    move = move_of(job)
    if (lock := _lock_seen(guest, cluster, tasks, move)) is not None:
        return _locked(job, lock, means, now)
    try:
        closer = full_look(guest, move.target, means)
    except GuestLocked as error:
        return _locked(job, sentence(str(error)), means, now)
    target = cluster.nodes.get(move.target, Node(move.target, online=False))
    decision = at_migration(guest, target, closer, means.rules)
    if not decision.act:
        return skip(job, decision.reason, decision.message)
    if (declined := _unfit(job, guest, target, cluster, means, now)) is not None:
        return declined
    checkpoint = replace(
        job.checkpoint,
        known_upids=tuple(task.upid for task in tasks),
        attempts=job.checkpoint.attempts + 1,
        moved_at=now,
    )
    return stay(replace(job, checkpoint=checkpoint), 0.0)


def _lock_seen(guest: Guest, cluster: Cluster, tasks: list[Task], move: Move) -> str | None:
    """What has the guest or the nodes at this moment, as a sentence."""
    if any(task.running for task in tasks):
        return f"Guest {move.vmid} is being migrated by somebody else."
    if guest.lock is not None:  # seen a moment ago: waited for, even if the next call would not meet it any more
        return f"Guest {move.vmid} is locked ({guest.lock})."
    for other in cluster.guests.values():  # a job that gave up may have left its migration running
        if other.lock == "migrate" and other.node in {move.source, move.target}:
            return f"Guest {other.vmid} on {other.node} is being migrated."
    return None


def _unfit(  # noqa: PLR0913, PLR0917 - what was just looked at
    job: Job, guest: Guest, target: Node, cluster: Cluster, means: Means, now: float
) -> StepResult | None:
    """Why the guest does not go to this target, or not yet: its room, as told now that it is awake."""
    if job.checkpoint.woken and target.max_memory_bytes is None and not _is_over(job, _STATISTICS_SECONDS, now):
        return stay(job, means.timing.poll_seconds)  # a node that has just joined has no statistics yet
    if not target.online:
        return None  # Proxmox has the last word
    situation = Situation(cluster, means.store.history(now), means.rules, means.power())
    if (refusal := target_refusal(guest, target, situation)) is None:
        return None
    if refusal.reason is Reason.TARGET_OVER_POWER and just_up(job, target, means.timing.settle_seconds, now):
        return _settling(job)
    return skip(job, refusal.reason, refusal.message)


def _settling(job: Job) -> StepResult:
    """Wait: a start draws much, and the mean of a minute tells of it when it is over."""
    message = f"Waits for the power of node {job.target}, which has just got up, to settle."
    return stay(job, _SETTLING_PAUSE_SECONDS, None if job.message == message else message)


def _dropped(job: Job, now: float) -> StepResult:
    """Begin anew: after a death, a pause or errors the look is too old, and no trace of a request was found."""
    checkpoint = replace(job.checkpoint, known_upids=None, step_started_at=now)
    message = f"Proxmox shows no migration of guest {job.vmid} for this job so far: everything is looked at anew."
    return stay(replace(job, checkpoint=checkpoint), 0.0, message)


def _asked(job: Job, guest: Guest, means: Means, now: float) -> StepResult:
    """Send the request; no trace of an earlier one was found."""
    move = move_of(job)
    if means.rules.mode is Mode.OBSERVE:  # since the look; once that no longer counts, the job ends for it
        return stay(job, means.timing.poll_seconds)
    try:
        send = request(guest, move.target, means)
        if isinstance(send, Refusal):
            return skip(job, send.reason, send.message)
        if (why := means.store.paused()) is not None:
            message = sentence(f"paused: {why}")
            return stay(job, means.timing.poll_seconds, None if job.message == message else message)
        upid = send()
    except NotAsked:
        return stay(job, means.timing.poll_seconds)
    except GuestLocked as error:
        # Perhaps by an earlier request of ours that is only now becoming a task: the next tick looks for it first.
        return _locked(job, sentence(str(error)), means, now)
    except (ProxmoxRefused, ProxmoxDenied) as error:
        return _refused(job, error, means, now)
    checkpoint = replace(job.checkpoint, upid=upid, log_lines=0, progress=None, moved_at=now)
    return stay(
        replace(job, checkpoint=checkpoint),
        means.timing.poll_seconds,
        f"Asked Proxmox to migrate guest {move.vmid} from {move.source} to {move.target}.",
        upid=upid,
    )


def _refused(job: Job, error: ProxmoxRefused | ProxmoxDenied, means: Means, now: float) -> StepResult:
    """Believe a refusal only when there is no trace of a migration: an error may follow upon what was carried out."""
    move = move_of(job)
    job, _, guest = look(job, means)
    known = job.checkpoint.known_upids or ()
    if ours := [task for task in means.proxmox.migration_tasks(move.source, move.vmid) if task.upid not in known]:
        return _adopted(job, ours, now)
    if guest is None or guest.node != move.source:
        return _elsewhere(job, guest)
    failure = Failure.PROXMOX_DENIED if isinstance(error, ProxmoxDenied) else Failure.PROXMOX_REFUSED
    message = f"{sentence(str(error))} No migration has begun: guest {move.vmid} is on {guest.node}."
    return fail(job, failure, message)


def _adopted(job: Job, ours: list[Task], now: float) -> StepResult:
    """Follow a migration that began after we made ready to ask: the answer that told its id was lost."""
    task = next((task for task in ours if task.running), ours[-1])
    checkpoint = replace(job.checkpoint, upid=task.upid, log_lines=0, progress=None, moved_at=now)
    return stay(
        replace(job, checkpoint=checkpoint),
        0.0,
        "Found the migration that was asked for; its answer had been lost.",
        upid=task.upid,
    )


def _is_over(job: Job, patience: float, now: float) -> bool:
    """Whether the step has lasted that long."""
    began = now if job.checkpoint.step_started_at is None else job.checkpoint.step_started_at
    return now - began >= patience


def _locked(job: Job, message: str, means: Means, now: float) -> StepResult:
    """Wait for a lock to end by itself, within limits."""
    if _is_over(job, means.timing.ready_timeout_seconds, now):
        return skip(job, Reason.GUEST_LOCKED, f"{message} It was waited for; order the move again when that has ended.")
    return stay(job, means.timing.poll_seconds, None if job.message == message else message)


def _elsewhere(job: Job, guest: Guest | None) -> StepResult:
    """The guest is not where it was: somebody else's doing before we asked; after it, arrived or lost."""
    asked = job.checkpoint.attempts > 0
    if guest is None:
        reason, message = Reason.GUEST_NOT_FOUND, f"Guest {job.vmid} is no longer in the cluster."
    elif guest.node == job.target:
        reason, message = Reason.GUEST_ALREADY_THERE, f"Guest {job.vmid} is on {job.target} already."
        if asked:
            return advance(job, JobState.VERIFYING, f"Guest {job.vmid} has come to {job.target}.")
    else:
        reason, message = Reason.GUEST_ELSEWHERE, f"Guest {job.vmid} is on {guest.node} now: somebody moved it."
    if not asked:
        return skip(job, reason, f"{message} Nothing was asked for.")
    return fail(job, Failure.NOT_PROVEN, f"{message} It was to go to {job.target}: see the tasks of {job.source}.")
