"""What is written to a move that is over: the watts of its nodes, looked at again some time later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, select, update

from actuator.adapters import codec, queries
from actuator.adapters.tables import jobs
from actuator.policy.jobs import JobState
from actuator.policy.orders import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.jobs import Job

_MOVES = (
    select(jobs)
    .where(jobs.c.state == JobState.SUCCEEDED.value, jobs.c.finished_at > bindparam("since"))
    .where(jobs.c.action == Action.MIGRATE.value)
    .order_by(jobs.c.finished_at)
)


def moves_since(conn: Connection, since: float) -> list[Job]:
    """Moves that have succeeded since then, oldest first."""
    return [codec.job_from_row(row) for row in conn.execute(_MOVES, {"since": since}).mappings()]


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
