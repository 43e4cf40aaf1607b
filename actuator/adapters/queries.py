"""Statements that more than one kind of transaction needs; each runs inside the caller's."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Select, and_, bindparam, case, func, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from actuator.adapters import codec, quarantines
from actuator.adapters.tables import control, episodes, job_events, jobs
from actuator.errors import GuestInFlight, LeadershipLost
from actuator.policy.cluster import History
from actuator.policy.jobs import TERMINAL, Job, JobState
from actuator.policy.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

_DAY_SECONDS = 86400.0

# Built once: a storm of alerts spends more time on building statements than on running them.
LIVE = select(jobs).where(jobs.c.finished_at.is_(None)).order_by(jobs.c.seq)
"""Jobs with work left, oldest first."""
_CONTROL = select(control)
# A job that declined while migrating (a lock, a local disk) never asked Proxmox for anything.
_MOVES = (
    select(
        jobs.c.vmid,
        func.max(jobs.c.finished_at),
        func.sum(case((jobs.c.finished_at > bindparam("day_began"), 1), else_=0)),
    )
    .where(jobs.c.migrating_at.is_not(None), jobs.c.finished_at.is_not(None), jobs.c.vmid.is_not(None))
    .where(jobs.c.state.not_in([JobState.SKIPPED.value, JobState.CANCELLED.value]))
    .group_by(jobs.c.vmid)
)
_SUCCESS = select(func.max(jobs.c.finished_at)).where(jobs.c.state == JobState.SUCCEEDED.value)
_FAILURES = (
    select(jobs.c.finished_at)
    .where(jobs.c.state == JobState.FAILED.value, jobs.c.finished_at > bindparam("row_began"))
    .order_by(jobs.c.finished_at)
)
# What was declined for a passing cause (a backup's lock) may be tried anew; what was only observed counts.
_DECLINED = and_(jobs.c.state == JobState.SKIPPED.value, jobs.c.reason != Reason.OBSERVE_ONLY.value)
# What was cancelled because the alert was over may be tried when it fires again after all; what a person cancelled
# while it fired stays cancelled.
_OVER = and_(jobs.c.state == JobState.CANCELLED.value, episodes.c.resolved_at.is_not(None))
_BEGUN = (
    select(jobs.c.episode_id, func.count())
    .select_from(jobs.join(episodes, episodes.c.id == jobs.c.episode_id))
    .where(jobs.c.episode_id.in_(bindparam("episodes", expanding=True)), not_(_DECLINED), not_(_OVER))
    .group_by(jobs.c.episode_id)
)
_CHANGED = update(control).values(changes=control.c.changes + 1)


def check(job: Job) -> None:
    """The laws of a job's fields that queries lean on.

    Raises:
        ValueError: ``finished_at`` is not set exactly when the job is over, or ``failure`` exactly when it failed.
    """
    if (job.finished_at is not None) != (job.state in TERMINAL):
        raise ValueError(f"job {job.id} is {job.state}: finished_at must be set exactly when a job is over")
    if (job.failure is not None) != (job.state is JobState.FAILED):
        raise ValueError(f"job {job.id} is {job.state}: failure must be set exactly when a job failed")


@contextmanager
def one_live_job_per_guest(conn: Connection, vmid: int | None) -> Iterator[None]:
    """Turn a refusal by the unique index into `GuestInFlight`; the transaction goes on, without the statement."""
    try:
        with conn.begin_nested():
            yield
    except IntegrityError:
        if vmid is None or conn.execute(LIVE.where(jobs.c.vmid == vmid)).first() is None:
            raise
        raise GuestInFlight(vmid) from None


def add_event(conn: Connection, job: Job, message: str, detail: Mapping[str, object]) -> None:
    """Append to a job's history that it was as given."""
    conn.execute(insert(job_events), event_row(job, message, detail))


def event_row(job: Job, message: str, detail: Mapping[str, object]) -> dict[str, object]:
    """A line of a job's history: that it was as given."""
    values = {"job_id": job.id, "at": job.updated_at, "state": job.state.value, "message": message}
    return values | {"detail_json": codec.dump(detail)}


def announce(conn: Connection) -> None:
    """Let the leader, whichever process that is, look at its jobs soon."""
    conn.execute(_CHANGED)


def find_job(conn: Connection, job_id: str) -> Job | None:
    """One job, or None."""
    row = conn.execute(select(jobs).where(jobs.c.id == job_id)).mappings().first()
    return None if row is None else codec.job_from_row(row)


def check_lead(conn: Connection, epoch: int, job_id: str | None = None) -> None:
    """Make sure that this epoch of leadership is the newest; what follows in the transaction is fenced by it.

    Raises:
        LeadershipLost: It is not.
    """
    newest = conn.execute(select(control.c.epoch)).scalar_one()
    if epoch != newest:
        its = "" if job_id is None else f": job {job_id} is its now"
        raise LeadershipLost(f"another process leads (epoch {newest}, ours was {epoch}){its}")


def request_cancel(conn: Connection, job_id: str, message: str, now: float, requested_by: str = "") -> Job | None:
    """Mark a live job and tell its history; a job that is over, or was asked before, stays as it is."""
    asked = update(jobs).where(jobs.c.id == job_id, jobs.c.finished_at.is_(None), jobs.c.cancel_requested.is_(False))
    changed = conn.execute(asked.values(cancel_requested=True, message=message, updated_at=now)).rowcount > 0
    job = find_job(conn, job_id)
    if changed and job is not None:
        by = {"requested_by": requested_by} if requested_by else {}
        add_event(conn, job, message, {"cancel_requested": True, **by})
        announce(conn)
    return job


def numbers(conn: Connection, query: Select[Any]) -> dict[str, int]:
    """The result of a query for names and their numbers."""
    return {name: number for name, number in conn.execute(query)}  # noqa: C416 - rows are not typed as pairs


def read_history(conn: Connection, now: float) -> History:
    """What `History` describes, but for its episode."""
    state = conn.execute(_CONTROL).mappings().one()
    moves = conn.execute(_MOVES, {"day_began": now - _DAY_SECONDS}).all()
    row_began = max(conn.execute(_SUCCESS).scalar() or -inf, state["breaker_reset_at"] or -inf)
    return History(
        paused=state["paused"],
        live_jobs=tuple(codec.job_from_row(row) for row in conn.execute(LIVE).mappings()),
        last_moved_at={vmid: last for vmid, last, _ in moves},
        moves_last_day={vmid: count for vmid, _, count in moves if count},
        recent_failures=tuple(conn.execute(_FAILURES, {"row_began": row_began}).scalars()),
        quarantined=quarantines.in_force(conn),
    )


def begun(conn: Connection, episode_ids: Iterable[str]) -> dict[str, int]:
    """How many jobs each of these episodes has begun, as `History.episode_jobs` counts them; absent for none."""
    return {episode: number for episode, number in conn.execute(_BEGUN, {"episodes": list(episode_ids)})}  # noqa: C416 - as in numbers


def of_episode(conn: Connection, history: History, episode_id: str | None) -> History:
    """The same history, as it looks for one episode."""
    if episode_id is None:
        return history
    return replace(
        history,
        episode_jobs=begun(conn, [episode_id]).get(episode_id, 0),
        episode_live=any(job.episode_id == episode_id for job in history.live_jobs),
    )
