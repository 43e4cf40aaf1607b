"""What the store remembers, as it is read; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from actuator.adapters import audit, codec, queries, reports
from actuator.adapters.tables import control, episodes, job_events, jobs
from actuator.policy.jobs import TERMINAL, Failure, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection

    from actuator.adapters.database import Database
    from actuator.policy.audit import AuditEntry
    from actuator.policy.cluster import History
    from actuator.policy.episodes import Episode
    from actuator.policy.jobs import Job, JobEvent

_SWITCHES = select(control.c.paused, control.c.changes)


@dataclass(frozen=True, slots=True)
class Switches:
    """What the leader looks at again and again.

    Attributes:
        paused: Why work is paused, or None.
        changes: Another number than before when there is something new: a job, a cancellation, a pause or its end.
    """

    paused: str | None
    changes: int


class Recall:
    """The half of the store that only looks; every method raises `StoreUnavailable` when it cannot.

    Args:
        database: Where everything is.

    Attributes:
        database: It.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def job(self, job_id: str) -> Job | None:
        """One job, or None when there is none with this id."""
        with self.database.reading() as conn:
            return queries.find_job(conn, job_id)

    def job_and_switches(self, job_id: str) -> tuple[Job | None, Switches]:
        """One job, or None, and the switches of that moment; one look for what each tick needs."""
        with self.database.reading() as conn:
            return queries.find_job(conn, job_id), _switches(conn)

    def jobs(self, limit: int = 50, states: Collection[JobState] | None = None) -> list[Job]:
        """The newest jobs first, all or only those in the given states."""
        query = select(jobs).order_by(jobs.c.seq.desc()).limit(limit)
        if states is not None:
            query = query.where(jobs.c.state.in_([state.value for state in states]))
        with self.database.reading() as conn:
            return [codec.job_from_row(row) for row in conn.execute(query).mappings()]

    def live_jobs(self) -> list[Job]:
        """Jobs with work left, oldest first."""
        with self.database.reading() as conn:
            return [codec.job_from_row(row) for row in conn.execute(queries.LIVE).mappings()]

    def live_count(self) -> int:
        """How many jobs have work left."""
        states = [state.value for state in JobState if state not in TERMINAL]  # by the index, which knows states alone
        with self.database.reading() as conn:
            found: int = conn.execute(select(func.count()).where(jobs.c.state.in_(states))).scalar_one()
            return found

    def ended_jobs(self, limit: int) -> list[Job]:
        """Jobs that are over, those accepted last first; fast however many there are."""
        query = select(jobs).where(jobs.c.finished_at.is_not(None)).order_by(jobs.c.seq.desc()).limit(limit)
        with self.database.reading() as conn:
            return [codec.job_from_row(row) for row in conn.execute(query).mappings()]

    def events(self, job_id: str, after: int = 0, limit: int = 500) -> list[JobEvent]:
        """A job's history in order, from the event after id ``after`` on."""
        query = select(job_events).where(job_events.c.job_id == job_id, job_events.c.id > after)
        with self.database.reading() as conn:
            rows = conn.execute(query.order_by(job_events.c.id).limit(limit)).mappings()
            return [codec.event_from_row(row) for row in rows]

    def episode(self, episode_id: str) -> Episode | None:
        """One episode by our key, or None."""
        with self.database.reading() as conn:
            row = conn.execute(select(episodes).where(episodes.c.id == episode_id)).mappings().first()
            return None if row is None else codec.episode_from_row(row)

    def episodes(self, limit: int = 50) -> list[Episode]:
        """Episodes, those heard of last first."""
        query = select(episodes).order_by(episodes.c.last_seen_at.desc()).limit(limit)
        with self.database.reading() as conn:
            return [codec.episode_from_row(row) for row in conn.execute(query).mappings()]

    def history(self, now: float, episode_id: str | None = None) -> History:
        """What decisions remember, all of one moment."""
        with self.database.reading() as conn:
            return queries.of_episode(conn, queries.read_history(conn, now), episode_id)

    def moves_since(self, since: float) -> list[Job]:
        """Moves that have succeeded since then, oldest first."""
        with self.database.reading() as conn:
            return reports.moves_since(conn, since)

    def unmeasured_until(self, until: float) -> list[Job]:
        """Moves that had succeeded by then and wait for the second look at their nodes' watts, oldest first."""
        with self.database.reading() as conn:
            return reports.unmeasured_until(conn, until)

    def counts(self) -> dict[JobState, int]:
        """Jobs by state, every state with its number, 0 included."""
        with self.database.reading() as conn:
            found = queries.numbers(conn, select(jobs.c.state, func.count()).group_by(jobs.c.state))
        return {state: found.get(state.value, 0) for state in JobState}

    def failure_counts(self) -> dict[Failure, int]:
        """Failed jobs by cause, every cause with its number, 0 included."""
        query = select(jobs.c.failure, func.count()).where(jobs.c.failure.is_not(None)).group_by(jobs.c.failure)
        with self.database.reading() as conn:
            found = queries.numbers(conn, query)
        return {failure: found.get(failure.value, 0) for failure in Failure}

    def audit(self, since: float, until: float) -> Iterator[AuditEntry]:
        """Every line of the audit, see `actuator.adapters.audit.read`; raises `StoreUnavailable` while iterating."""
        return audit.read(self.database, since, until)

    def paused(self) -> str | None:
        """Why work is paused, or None."""
        with self.database.reading() as conn:
            why: str | None = conn.execute(select(control.c.paused)).scalar_one()
            return why

    def switches(self) -> Switches:
        """Whether work is paused, and whether anything is new; one small read."""
        with self.database.reading() as conn:
            return _switches(conn)

    def check_lead(self, epoch: int) -> Switches:
        """Make sure that this epoch is the newest; returns the switches of that moment.

        Raises:
            LeadershipLost: It is not.
        """
        with self.database.reading() as conn:
            queries.check_lead(conn, epoch)
            return _switches(conn)


def _switches(conn: Connection) -> Switches:
    row = conn.execute(_SWITCHES).one()
    return Switches(row.paused, row.changes)
