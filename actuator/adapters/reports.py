"""What is written to a move that is over: the watts of its nodes, looked at again some time later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from actuator.adapters import codec, queries
from actuator.adapters.tables import jobs
from actuator.policy.jobs import JobState
from actuator.policy.orders import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.jobs import Job

_MOVES = (
    select(jobs)
    .where(jobs.c.state == JobState.SUCCEEDED.value)
    .where(jobs.c.action == Action.MIGRATE.value)
    .order_by(jobs.c.finished_at)
)
# As `codec.dump` writes it; only a move that has a look before it has a number there.
_UNMEASURED = _MOVES.where(
    jobs.c.checkpoint_json.like('%"due_at":%'), jobs.c.checkpoint_json.not_like('%"due_at":null%')
)


def moves_since(conn: Connection, since: float) -> list[Job]:
    """Moves that have succeeded since then, oldest first."""
    moves = conn.execute(_MOVES.where(jobs.c.finished_at > since))
    return [codec.job_from_row(row) for row in moves.mappings()]


def unmeasured_until(conn: Connection, until: float) -> list[Job]:
    """Moves that had succeeded by then and whose second look at their nodes' watts is due still, oldest first."""
    moves = conn.execute(_UNMEASURED.where(jobs.c.finished_at <= until))
    return [codec.job_from_row(row) for row in moves.mappings()]


def complete(conn: Connection, job: Job, epoch: int, message: str, detail: Mapping[str, object]) -> None:
    """Write the watts of a move that has succeeded, with a line of history; nothing else of it changes.

    Raises:
        LeadershipLost: The epoch is not the newest; nothing was written.
        ValueError: No move that has succeeded has this id.
    """
    queries.check_lead(conn, epoch, job.id)
    values = {"checkpoint_json": codec.checkpoint_to_json(job.checkpoint), "updated_at": job.updated_at}
    over = update(jobs).where(jobs.c.id == job.id, jobs.c.state == JobState.SUCCEEDED.value)
    if conn.execute(over.values(values)).rowcount == 0:
        raise ValueError(f"job {job.id} is no move that has succeeded")
    queries.add_event(conn, job, message, detail)
