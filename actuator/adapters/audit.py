"""The audit's lines: written with what they tell of, in its transaction, and read again in the order of their times.

A job's history is one already and is not written twice: reading joins it with the table of everything else. Nothing is
held while somebody reads: each look takes a page and ends, so that a slow reader keeps no database busy.
"""

from __future__ import annotations

import json
from heapq import merge
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, bindparam, insert, select

from actuator.adapters import codec
from actuator.adapters.tables import audit, job_events, jobs
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.jobs import TERMINAL, Failure, JobState
from actuator.policy.orders import Action
from actuator.policy.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import RowMapping

    from actuator.adapters.database import Database

_PAGE = 500
_FACTS = ("action", "node", "vmid", "target_node", "dry_run", "fingerprint", "alertname")

_ENTRIES = (
    select(audit)
    .where(audit.c.id > bindparam("after"), audit.c.at >= bindparam("since"), audit.c.at < bindparam("until"))
    .order_by(audit.c.id)
    .limit(_PAGE)
)
_STEPS = (
    select(
        job_events,
        jobs.c.order_json,
        jobs.c.reason.label("job_reason"),
        jobs.c.failure,
        jobs.c.vmid,
        jobs.c.source,
        jobs.c.target,
    )
    .join_from(job_events, jobs, jobs.c.id == job_events.c.job_id)
    .where(
        job_events.c.id > bindparam("after"),
        job_events.c.at >= bindparam("since"),
        job_events.c.at < bindparam("until"),
    )
    .order_by(job_events.c.id)
    .limit(_PAGE)
)


def add(conn: Connection, entries: Iterable[AuditEntry]) -> None:
    """Write lines that are no job's history."""
    if rows := [_row(entry) for entry in entries]:
        conn.execute(insert(audit), rows)


def read(database: Database, since: float, until: float) -> Iterator[AuditEntry]:
    """Every line from ``since`` on and before ``until``, both unix seconds, in the order of their times.

    Raises:
        StoreUnavailable: While iterating.
    """
    entries = _paged(database, _ENTRIES, _entry, since, until)
    steps = _paged(database, _STEPS, _step, since, until)
    return merge(entries, steps, key=lambda entry: entry.at)


def _paged(
    database: Database, query: Select[Any], shaped: Callable[[RowMapping], AuditEntry], since: float, until: float
) -> Iterator[AuditEntry]:
    after = 0
    while True:
        with database.reading() as conn:
            rows = conn.execute(query, {"since": since, "until": until, "after": after}).mappings().all()
        for row in rows:
            yield shaped(row)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["id"]


def _row(entry: AuditEntry) -> dict[str, object]:
    return {
        "at": entry.at,
        "event": entry.event.value,
        "requested_by": entry.requested_by,
        "message": entry.message,
        "reason": None if entry.reason is None else entry.reason.value,
        "job_id": entry.job_id,
        "facts_json": codec.dump({name: getattr(entry, name) for name in (*_FACTS, "detail")}),
    }


def _entry(row: RowMapping) -> AuditEntry:
    facts = json.loads(row["facts_json"])
    action = facts.pop("action")
    return AuditEntry(
        at=row["at"],
        event=AuditEvent(row["event"]),
        requested_by=row["requested_by"],
        message=row["message"],
        reason=None if row["reason"] is None else Reason(row["reason"]),
        job_id=row["job_id"],
        action=None if action is None else Action(action),
        **facts,
    )


def _step(row: RowMapping) -> AuditEntry:
    order = codec.order_from_json(row["order_json"])
    state = JobState(row["state"])
    ended = state in TERMINAL
    detail = json.loads(row["detail_json"])
    return AuditEntry(
        at=row["at"],
        event=AuditEvent.JOB,
        requested_by=detail.pop("requested_by", order.requested_by),  # who cancels may be somebody else
        message=row["message"],
        # What the job's row says is how it ended: true of its last line alone.
        reason=Reason(row["job_reason"]) if ended else None,
        failure=Failure(row["failure"]) if ended and row["failure"] is not None else None,
        job_id=row["job_id"],
        state=state,
        action=order.action,
        node=row["source"] or order.node,
        vmid=row["vmid"] or order.vmid,
        target_node=row["target"] or order.target_node,
        dry_run=order.dry_run,
        detail=detail,
    )
