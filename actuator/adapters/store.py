"""The store: episodes, jobs, their events, leadership and the operator's switches, in one database.

With `intake`, `queries`, `codec`, `tables`, `migrations`, `lease` and `database` it is the only place with SQL.
SQLAlchemy Core, synchronous, usable from any thread. Every method either did what it says, on disk, or raised
`StoreUnavailable` and did nothing, as far as PostgreSQL's network lets that be known (see `postgresql`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from actuator.adapters import audit, codec, migrations, queries, reports
from actuator.adapters.database import Database, open_engine
from actuator.adapters.intake import Intake
from actuator.adapters.node_records import NodeRecords
from actuator.adapters.tables import control, episodes, job_events, jobs, lease, quarantine
from actuator.errors import CancelRequested
from actuator.policy.jobs import TERMINAL, Failure, JobState, allowed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Engine

    from actuator.policy.audit import AuditEntry
    from actuator.policy.cluster import History
    from actuator.policy.episodes import Episode
    from actuator.policy.jobs import Job, JobEvent

_BEFORE = (jobs.c.state, jobs.c.migrating_at, jobs.c.cancel_requested, jobs.c.checkpoint_json)


@dataclass(frozen=True, slots=True)
class Switches:
    """What the leader looks at again and again.

    Attributes:
        paused: Why work is paused, or None.
        changes: Another number than before when there is something new: a job, a cancellation, a pause or its end.
    """

    paused: str | None
    changes: int


class Store:
    """Everything that must survive the process.

    Args:
        engine: From `actuator.adapters.database.open_engine`.

    Attributes:
        nodes: What is remembered of each node.
    """

    def __init__(self, engine: Engine) -> None:
        self.database = Database(engine)
        self.nodes = NodeRecords(self.database)

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = 5.0, password: str | None = None) -> Store:
        """A store on this database; nothing is touched before `upgrade`.

        Args:
            url: Of a SQLite file, or of a PostgreSQL database without its password.
            busy_seconds: How long to wait for another process's transaction.
            password: PostgreSQL's; None leaves it to libpq.

        Raises:
            ConfigurationError: The URL is neither.
        """
        return cls(open_engine(url, busy_seconds=busy_seconds, password=password))

    def upgrade(self) -> None:
        """Create the tables, or bring an older release's up to date; harmless to repeat.

        From then on the store is on this very file, if it is one: with another in its place, or none, nothing is read
        or written.

        Raises:
            ConfigurationError: A newer release or another program wrote this database.
            StoreUnavailable: It cannot be opened or written.
        """
        with self.database.writing() as conn:
            migrations.upgrade(conn)
            self.database.hold_on(conn)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def check_writable(self) -> None:
        """Return when the newest write succeeded, or else when a small one succeeds now, which changes nothing.

        Raises:
            StoreUnavailable: Neither is so, on a full disk, say.
        """
        if not self.database.newest_write_failed:
            return
        with self.database.writing() as conn:
            # There and back: SQLite writes no page for a value that stays the same.
            conn.execute(update(control).values(epoch=control.c.epoch + 1))
            conn.execute(update(control).values(epoch=control.c.epoch - 1))

    # The way in.

    @contextmanager
    def intake(self) -> Iterator[Intake]:
        """One write transaction, for one whole request; see `Intake`. An exception that leaves the block undoes it.

        Raises:
            StoreUnavailable: On entering or leaving; nothing was written.
        """
        with self.database.writing() as conn:
            intake = Intake(conn)
            yield intake
            intake.finish()

    # Looking.

    def job(self, job_id: str) -> Job | None:
        """One job, or None when there is none with this id."""
        with self.database.reading() as conn:
            return queries.find_job(conn, job_id)

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

    # The operator. What they do and its lines of the audit are written together, or neither is.

    def record(self, *entries: AuditEntry) -> None:
        """Write lines of the audit that go with nothing else here."""
        with self.database.writing() as conn:
            audit.add(conn, entries)

    def audit(self, since: float, until: float) -> Iterator[AuditEntry]:
        """Every line of the audit, see `actuator.adapters.audit.read`; raises `StoreUnavailable` while iterating."""
        return audit.read(self.database, since, until)

    def pause(self, why: str, now: float, *entries: AuditEntry) -> None:
        """Let no new work be accepted until `resume`."""
        with self.database.writing() as conn:
            conn.execute(update(control).values(paused=why, paused_at=now))
            audit.add(conn, entries)
            queries.announce(conn)

    def resume(self, now: float, *entries: AuditEntry) -> None:
        """End the pause; the operator's word also closes the breaker: failures before ``now`` no longer count."""
        with self.database.writing() as conn:
            conn.execute(update(control).values(paused=None, paused_at=None, breaker_reset_at=now))
            audit.add(conn, entries)
            queries.announce(conn)

    def paused(self) -> str | None:
        """Why work is paused, or None."""
        with self.database.reading() as conn:
            why: str | None = conn.execute(select(control.c.paused)).scalar_one()
            return why

    def switches(self) -> Switches:
        """Whether work is paused, and whether anything is new; one small read."""
        with self.database.reading() as conn:
            row = conn.execute(select(control.c.paused, control.c.changes)).one()
            return Switches(row.paused, row.changes)

    def quarantine(self, node: str, why: str, now: float) -> None:
        """Let nobody try to wake the node any more; the newest cause replaces an older one."""
        with self.database.writing() as conn:
            conn.execute(delete(quarantine).where(quarantine.c.node == node))
            conn.execute(insert(quarantine).values(node=node, why=why, since=now))

    def clear_quarantine(self, node: str, now: float, *entries: AuditEntry) -> bool:
        """Trust the node again (a person said so, or it was seen online); whether it was in quarantine."""
        with self.database.writing() as conn:
            in_force = (quarantine.c.node == node) & quarantine.c.cleared_at.is_(None)
            audit.add(conn, entries)
            return conn.execute(update(quarantine).where(in_force).values(cleared_at=now)).rowcount > 0

    def request_cancel(self, job_id: str, message: str, now: float, requested_by: str = "") -> Job | None:
        """Ask a live job to stop, which it does unless it has come to migrating.

        A job that is over, or was asked before, is returned as it is; None when there is none with this id.
        """
        with self.database.writing() as conn:
            return queries.request_cancel(conn, job_id, message, now, requested_by)

    # The leader.

    def next_epoch(self) -> int:
        """Begin a new epoch of leadership: from now on `save` refuses every older one."""
        with self.database.writing() as conn:
            conn.execute(update(control).values(epoch=control.c.epoch + 1))
            epoch: int = conn.execute(select(control.c.epoch)).scalar_one()
            conn.execute(update(lease).values(epoch=epoch))
            return epoch

    def check_lead(self, epoch: int) -> None:
        """Make sure that this epoch is the newest.

        Raises:
            LeadershipLost: It is not.
        """
        with self.database.reading() as conn:
            queries.check_lead(conn, epoch)

    def save(self, job: Job, *, epoch: int, message: str | None, detail: Mapping[str, object] | None = None) -> None:
        """Write a job as its leader sees it, with a line of history when ``message`` is given.

        ``cancel_requested`` stays what `request_cancel` made it.

        Raises:
            LeadershipLost: The epoch is not the newest; nothing was written.
            GuestInFlight: Another live job has the guest; nothing was written.
            CancelRequested: It makes ready to ask for its migration, and was cancelled before; nothing was written.
            ValueError: No such job, a transition that `actuator.policy.jobs.allowed` forbids, or contradicting fields.
        """
        queries.check(job)
        with self.database.writing() as conn:
            queries.check_lead(conn, epoch, job.id)
            row = conn.execute(select(*_BEFORE).where(jobs.c.id == job.id)).first()
            if row is None:
                raise ValueError(f"job {job.id} is not in the database")
            before, migrating_at = JobState(row.state), row.migrating_at
            if not allowed(before, job.state):
                raise ValueError(f"job {job.id} may not go from {before} to {job.state}")
            # Nobody who was told in time that the job stops is to be deceived: here the two writes have one order.
            known_before = codec.checkpoint_from_json(row.checkpoint_json).known_upids
            if row.cancel_requested and known_before is None and job.checkpoint.known_upids is not None:
                raise CancelRequested(f"job {job.id} was cancelled before its migration was asked for")
            if migrating_at is None and job.state is JobState.MIGRATING:
                migrating_at = job.updated_at
            values = codec.job_to_row(job) | {"migrating_at": migrating_at}
            with queries.one_live_job_per_guest(conn, job.vmid):
                conn.execute(update(jobs).where(jobs.c.id == job.id).values(values))
            if message is not None:
                queries.add_event(conn, job, message, detail or {})

    def complete_report(self, job: Job, *, epoch: int, message: str, detail: Mapping[str, object]) -> None:
        """Write the watts of a move that is over, with a line of history; see `actuator.adapters.reports`.

        Raises:
            LeadershipLost: The epoch is not the newest; nothing was written.
            ValueError: No move that has succeeded has this id.
        """
        with self.database.writing() as conn:
            reports.complete(conn, job, epoch, message, detail)
