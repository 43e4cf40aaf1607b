"""Which nodes are not woken any more: set and ended with the line of the audit that tells of it, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from actuator.adapters import audit
from actuator.adapters.tables import quarantine
from actuator.policy.audit import ACTUATOR, AuditEntry, AuditEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_FORCE = quarantine.c.cleared_at.is_(None)
_ALL = select(quarantine.c.node, quarantine.c.why).where(_IN_FORCE)


def in_force(conn: Connection) -> dict[str, str]:
    """Node -> why it is not woken."""
    return {row.node: row.why for row in conn.execute(_ALL)}


def put(conn: Connection, node: str, why: str, now: float, job_id: str | None = None) -> None:
    """Let nobody try to wake the node any more, since this job could not; the newest cause replaces an older one."""
    conn.execute(delete(quarantine).where(quarantine.c.node == node))
    conn.execute(insert(quarantine).values(node=node, why=why, since=now))
    audit.add(conn, [AuditEntry(now, AuditEvent.QUARANTINED, ACTUATOR, why, job_id=job_id, node=node)])


def clear(conn: Connection, node: str, now: float, entries: Iterable[AuditEntry]) -> bool:
    """Trust the node again; whether it was in quarantine. If it was not, the lines are not written either."""
    ended = conn.execute(update(quarantine).where(quarantine.c.node == node, _IN_FORCE).values(cleared_at=now))
    if ended.rowcount == 0:
        return False
    audit.add(conn, entries)
    return True


def clear_seen(conn: Connection, node: str, now: float) -> bool:
    """Trust a node again because it was seen online; whether it was in quarantine."""
    message = f"Node {node} was seen online: it may be woken again."
    return clear(conn, node, now, [AuditEntry(now, AuditEvent.QUARANTINE_CLEARED, ACTUATOR, message, node=node)])
