"""What is old is deleted: jobs that are over with their histories, their alerts' episodes, and lines of the audit.

Never what still decides something: a job with work left, or one whose alert was heard of since, for an alert counts the
jobs that it has begun. A few at a time, each time in a short transaction, since alerts that come in wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, exists, or_, select

from actuator.adapters.tables import audit, episodes, job_events, jobs
from actuator.policy.jobs import TERMINAL, JobState

if TYPE_CHECKING:
    from sqlalchemy import Select

_AT_ONCE = 200
"""Jobs, or episodes; SQLite takes no more than 999 values in a statement."""
_LINES_AT_ONCE = 1000
_ALERTED_SECONDS = 7200.0

# The rule that tells of a failed job compares their number with the least of the last hour: nothing may lower it then.
_JUST_FAILED = (
    select(jobs.c.id)
    .where(jobs.c.state == JobState.FAILED.value, jobs.c.finished_at > bindparam("alerted_since"))
    .limit(1)
)
_OLD_JOBS = (
    select(jobs.c.id)
    .join_from(jobs, episodes, episodes.c.id == jobs.c.episode_id, isouter=True)
    .where(jobs.c.state.in_([state.value for state in TERMINAL]), jobs.c.finished_at < bindparam("before"))
    .where(or_(jobs.c.episode_id.is_(None), episodes.c.last_seen_at < bindparam("before")))
    .limit(_AT_ONCE)
)
_OLD_EPISODES = (
    select(episodes.c.id)
    .where(episodes.c.last_seen_at < bindparam("before"))
    .where(~exists().where(jobs.c.episode_id == episodes.c.id))
    .limit(_AT_ONCE)
)
# Lines are written in the order of their times, so that the first ones tell whether any is old.
_FIRST_LINES = select(audit.c.id, audit.c.at).order_by(audit.c.id).limit(_LINES_AT_ONCE).subquery()
_OLD_LINES = delete(audit).where(
    audit.c.id.in_(select(_FIRST_LINES.c.id).where(_FIRST_LINES.c.at < bindparam("before")))
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much was deleted.

    Attributes:
        jobs: With their histories.
        episodes: Of alerts.
        lines: Of the audit, beside those that were a job's history.
    """

    jobs: int = 0
    episodes: int = 0
    lines: int = 0

    def __bool__(self) -> bool:
        return self != Deleted()

    def __add__(self, other: Deleted) -> Deleted:
        return Deleted(self.jobs + other.jobs, self.episodes + other.episodes, self.lines + other.lines)


def delete_some(conn: Connection, before: float, now: float) -> Deleted:
    """Delete some of what was over before then; nothing when there is none left.

    Args:
        conn: The caller's transaction.
        before: Unix seconds.
        now: Unix seconds.
    """
    just_failed = conn.execute(_JUST_FAILED, {"alerted_since": now - _ALERTED_SECONDS}).first() is not None
    old_jobs = _ids(conn, _OLD_JOBS.where(jobs.c.state != JobState.FAILED.value) if just_failed else _OLD_JOBS, before)
    conn.execute(delete(job_events).where(job_events.c.job_id.in_(old_jobs)))
    conn.execute(delete(jobs).where(jobs.c.id.in_(old_jobs)))
    old_episodes = _ids(conn, _OLD_EPISODES, before)
    conn.execute(delete(episodes).where(episodes.c.id.in_(old_episodes)))
    lines = conn.execute(_OLD_LINES, {"before": before}).rowcount
    return Deleted(len(old_jobs), len(old_episodes), lines)


def _ids(conn: Connection, query: Select[Any], before: float) -> list[str]:
    return list(conn.execute(query, {"before": before}).scalars())
