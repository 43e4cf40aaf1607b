"""The audit: what was asked for, by whom, and what was decided, a line for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.jobs import Failure, JobState
    from actuator.policy.orders import Action
    from actuator.policy.reasons import Reason


ACTUATOR: Final = "the actuator"
"""Who asked for what nobody asked for; no token can be named so, since its name has no space."""


class AuditEvent(StrEnum):
    """What a line tells of."""

    ALERT_DECIDED = "alert_decided"  # an alert was decided on for the first time, or otherwise than before
    ALERT_RESOLVED = "alert_resolved"
    ORDER_REFUSED = "order_refused"  # by hand; one that is accepted shows as its job
    JOB = "job"  # a job was begun, came to a step, or ended; a line for each line of its history
    PAUSED = "paused"
    RESUMED = "resumed"
    RELOADED = "reloaded"
    RELOAD_REFUSED = "reload_refused"
    QUARANTINED = "quarantined"  # a node did not wake and is not woken any more
    QUARANTINE_CLEARED = "quarantine_cleared"  # by a person, or because the node was seen online


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line. What does not apply is None, which an export shows as null.

    Attributes:
        at: When, in unix seconds; an export shows it as RFC 3339 does.
        event: What it tells of.
        requested_by: The name of the token that asked, or the signal's; `ACTUATOR` for what it did by itself.
        message: A sentence.
        reason: The decision's name.
        job_id: The job that was begun, stood in the way, or whose history this is.
        state: The job's state.
        failure: Why the job failed.
        action: What was asked for.
        node: The source, or the node to wake.
        vmid: The guest.
        target_node: Where to.
        dry_run: Whether it was to be decided only.
        fingerprint: The alert's.
        alertname: The alert's.
        detail: Further facts, JSON-able.
    """

    at: float
    event: AuditEvent
    requested_by: str
    message: str
    reason: Reason | None = None
    job_id: str | None = None
    state: JobState | None = None
    failure: Failure | None = None
    action: Action | None = None
    node: str | None = None
    vmid: int | None = None
    target_node: str | None = None
    dry_run: bool | None = None
    fingerprint: str | None = None
    alertname: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
