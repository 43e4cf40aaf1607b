"""The store: episodes, jobs, their events, leadership and the operator's switches, in one database.

With `recall`, `intake`, `queries`, `reports`, `retention`, `quarantines`, `node_records`, `audit`, `codec`, `tables`,
`migrations`, `lease` and `database` it is the only place with SQL.
SQLAlchemy Core, synchronous, usable from any thread. Every method either did what it says, on disk, or raised
`StoreUnavailable` and did nothing, as far as PostgreSQL's network lets that be known (see `postgresql`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from actuator.adapters import audit, codec, migrations, quarantines, queries, reports, retention
from actuator.adapters.database import Database, open_engine
from actuator.adapters.intake import Intake
from actuator.adapters.node_records import NodeRecords
from actuator.adapters.recall import Recall
from actuator.adapters.tables import control, jobs, lease
from actuator.errors import CancelRequested
from actuator.policy.jobs import JobState, allowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Engine

    from actuator.policy.audit import AuditEntry
    from actuator.policy.jobs import Job

_BEFORE = (jobs.c.state, jobs.c.migrating_at, jobs.c.cancel_requested, jobs.c.checkpoint_json)


class Store(Recall):
    """Everything that must survive the process.

    Args:
        engine: From `actuator.adapters.database.open_engine`.

    Attributes:
        nodes: What is remembered of each node.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(Database(engine))
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

    # The operator. What they do and its lines of the audit are written together, or neither is.

    def record(self, *entries: AuditEntry) -> None:
        """Write lines of the audit that go with nothing else here."""
        with self.database.writing() as conn:
            audit.add(conn, entries)

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

    def clear_quarantine(self, node: str, now: float, *entries: AuditEntry) -> bool:
        """Trust the node again, since a person said so; whether it was in quarantine."""
        with self.database.writing() as conn:
            return quarantines.clear(conn, node, now, entries)

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

    def delete_some(self, before: float, now: float, *, epoch: int) -> retention.Deleted:
        """Delete some of what was over before then; see `actuator.adapters.retention`.

        Raises:
            LeadershipLost: The epoch is not the newest; nothing was deleted.
        """
        with self.database.writing() as conn:
            queries.check_lead(conn, epoch)
            return retention.delete_some(conn, before, now)

    def complete_report(self, job: Job, *, epoch: int, message: str, detail: Mapping[str, object]) -> None:
        """Write the watts of a move that is over, with a line of history; see `actuator.adapters.reports`.

        Raises:
            LeadershipLost: The epoch is not the newest; nothing was written.
            ValueError: No move that has succeeded has this id.
        """
        with self.database.writing() as conn:
            reports.complete(conn, job, epoch, message, detail)
