"""A job: its states, the transitions allowed between them, and what it remembers between two looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.orders import Order
    from actuator.policy.reasons import Reason


class JobState(StrEnum):
    """Where a job stands. The middle five are the steps of the workflow, by name."""

    QUEUED = "queued"  # accepted, and waits for its turn
    PREFLIGHT = "preflight"  # the cluster is looked at: which guest, and to where
    WAKING = "waking"  # the target was asked to wake and has not joined the cluster
    AWAITING_READY = "awaiting_ready"  # the target has joined; quorum, its API and its storages are waited for
    MIGRATING = "migrating"  # the last look, then Proxmox moves the guest
    VERIFYING = "verifying"  # the cluster is to show the guest running on the target
    SUCCEEDED = "succeeded"  # proven
    SKIPPED = "skipped"  # decided against, or observe and dry run: see the reason
    FAILED = "failed"  # see its failure, and where the guest is now
    CANCELLED = "cancelled"  # by an operator, or because its alert resolved before it began


class Failure(StrEnum):
    """Why a job failed: closed set, so that it can be a metric label."""

    NEVER_WOKE = "never_woke"  # the target gave no sign of cluster membership in its boot timeout
    NEVER_READY = "never_ready"  # a member, but quorum, API or storage did not follow in time
    MIGRATION_FAILED = "migration_failed"  # the Proxmox task ended in an error; the guest stayed
    NOT_PROVEN = "not_proven"  # the task ended well or unclearly, yet the guest is not running on the target
    PROXMOX_UNREACHABLE = "proxmox_unreachable"  # no usable answer for timing.unreachable_timeout_seconds
    PROXMOX_DENIED = "proxmox_denied"  # the token or its rights: see the doctor
    PROXMOX_REFUSED = "proxmox_refused"  # an answer that is an error, in Proxmox's words on the job
    INTERNAL = "internal"  # a defect of ours; the log has the traceback


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.SKIPPED, JobState.FAILED, JobState.CANCELLED})
"""States that a job never leaves."""

STEPS = tuple(state for state in JobState if state not in TERMINAL and state is not JobState.QUEUED)
"""States that a step of the workflow works on, in their order."""

_ORDERLY: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.PREFLIGHT}),
    JobState.PREFLIGHT: frozenset({JobState.WAKING, JobState.AWAITING_READY}),
    JobState.WAKING: frozenset({JobState.AWAITING_READY}),
    JobState.AWAITING_READY: frozenset({JobState.MIGRATING, JobState.SUCCEEDED}),  # a wake ends at ready
    JobState.MIGRATING: frozenset({JobState.VERIFYING}),
    JobState.VERIFYING: frozenset({JobState.SUCCEEDED}),
}
_CANCELLABLE = frozenset(_ORDERLY) - {JobState.VERIFYING}


def allowed(before: JobState, after: JobState) -> bool:
    """Whether a job may go from ``before`` to ``after`` (staying is always allowed while it lives).

    Any live job may fail, be skipped or be cancelled until a migration was asked for; from then on it can only succeed
    or fail, since a running migration is never interrupted. The request goes out in the middle of ``migrating``, which
    a state does not tell: whether a job in it may still be cancelled is told by `Job.cancellable`.
    """
    if before in TERMINAL:
        return False
    if before == after or after in _ORDERLY[before] or after is JobState.FAILED:
        return True
    if after is JobState.CANCELLED:
        return before in _CANCELLABLE
    # Until the request is sent, the migrate step may still find a lock or a local resource and decline.
    return after is JobState.SKIPPED and before is not JobState.VERIFYING


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a live migration is, from its task log; bytes of VM state, or of a local disk that is copied before it.

    Attributes:
        transferred_bytes: Moved so far.
        total_bytes: Of how many, as QEMU estimates.
        bytes_per_second: The newest speed, None until QEMU gave one.
    """

    transferred_bytes: int
    total_bytes: int
    bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished migration cost, as its task log tells; each figure None when the log does not tell.

    Attributes:
        downtime_seconds: QEMU's blackout of the guest.
        duration_seconds: Of the whole migration.
        transferred_bytes: VM state moved.
    """

    downtime_seconds: float | None = None
    duration_seconds: float | None = None
    transferred_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MoveWatts:
    """What both nodes of a move drew before and after it, each a mean over a minute; None when it was not known.

    Attributes:
        source_before: The source, right before the migration was asked for.
        target_before: The target at that time; a node woken for the move was awake already.
        source_after: The source, with the guest gone for more than the minute of the mean.
        target_after: The target at that time.
        due_at: When the second look is due, unix seconds; None before the move has succeeded and after the look.
        measured_at: When the second look was taken, unix seconds.
    """

    source_before: float | None = None
    target_before: float | None = None
    source_after: float | None = None
    target_after: float | None = None
    due_at: float | None = None
    measured_at: float | None = None

    @property
    def change(self) -> float | None:
        """By how much both nodes together draw more (or, below 0, less) than before; None when not known."""
        before, after = (self.source_before, self.target_before), (self.source_after, self.target_after)
        if None in (*before, *after):
            return None
        return sum(watts or 0.0 for watts in after) - sum(watts or 0.0 for watts in before)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the steps remember between two looks and across a restart; everything else is asked of Proxmox.

    Attributes:
        step_started_at: When the present step began, unix seconds; deadlines count from here.
        packets_sent: Magic packets sent so far.
        last_packet_at: When it was last asked to wake, by packet or otherwise.
        asked_at: When the target was first asked to wake; how long its stages took counts from here.
        wake_method: By which methods it was asked last, such as ``ipmi`` or ``proxmox+magic_packet``.
        wake_troubles: Methods that could not ask at the last time, and why; empty when all could.
        woken: The target was off when we came, and we asked it to wake.
        stages: Stage of getting up -> unix seconds when first seen (powered, answers, member, quorate, api, storage).
        known_upids: The guest's migration tasks on the source before ours was asked for. Not None means that the
            request may have been sent: look for a task outside this set before sending it (again).
        upid: The task we follow, stored the moment it is known.
        attempts: Migrations asked for so far, or about to be.
        moved_at: When the migration was asked for, or last seen to make progress; patience with it counts from here.
        log_lines: Lines of the followed task's log that were read already.
        progress: Newest progress.
        outcome: What the log told at the end.
        watts: What the nodes drew before and after; None when Prometheus does not tell.
        failures: Temporary errors in a row, for the back-off.
        failing_since: When the first of them was met.
    """

    step_started_at: float | None = None
    packets_sent: int = 0
    last_packet_at: float | None = None
    asked_at: float | None = None
    wake_method: str | None = None
    wake_troubles: str = ""
    woken: bool = False
    stages: Mapping[str, float] = field(default_factory=dict)
    known_upids: tuple[str, ...] | None = None
    upid: str | None = None
    attempts: int = 0
    moved_at: float | None = None
    log_lines: int = 0
    progress: Progress | None = None
    outcome: Outcome | None = None
    watts: MoveWatts | None = None
    failures: int = 0
    failing_since: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, as persisted.

    Attributes:
        id: Opaque, unique.
        order: What was asked.
        state: Where it stands.
        reason: ``accepted``, or why it was skipped.
        message: The newest sentence for a person.
        created_at: Unix seconds, as all times here.
        updated_at: Of the newest write.
        episode_id: The alert's episode; None for a job asked for by hand.
        vmid: The guest once decided (at once when the order names it).
        source: The guest's node when the job began.
        target: The node to move to, or to wake, once decided.
        failure: Set exactly when the state is ``failed``.
        guest_node: Where the guest was seen last.
        finished_at: Set exactly when the state is terminal.
        cancel_requested: Somebody asked to cancel; honoured before the migration is asked for, never after.
        checkpoint: The steps' memory.
    """

    id: str
    order: Order
    state: JobState
    reason: Reason
    message: str
    created_at: float
    updated_at: float
    episode_id: str | None = None
    vmid: int | None = None
    source: str | None = None
    target: str | None = None
    failure: Failure | None = None
    guest_node: str | None = None
    finished_at: float | None = None
    cancel_requested: bool = False
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    @property
    def live(self) -> bool:
        """Whether work is left to do."""
        return self.state not in TERMINAL

    @property
    def cancellable(self) -> bool:
        """Whether no migration can have been asked for yet, so that the job may still be cancelled."""
        return self.checkpoint.known_upids is None and allowed(self.state, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history; ids grow, so that a reader may ask for what came after.

    Attributes:
        id: Grows with time over all jobs.
        job_id: Whose.
        at: Unix seconds.
        state: The job's state after the event.
        message: A sentence.
        detail: Facts, JSON-able: stage, upid, progress.
    """

    id: int
    job_id: str
    at: float
    state: JobState
    message: str
    detail: Mapping[str, object] = field(default_factory=dict)
