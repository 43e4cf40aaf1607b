"""The tables as they are now; `migrations` makes them, and a test compares the two.

Times are unix seconds. A job's columns are what is asked for by query; what only its steps read (order, checkpoint)
is JSON. A job is live exactly while ``finished_at`` is null, which is what the unique index leans on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    not_,
)
from sqlalchemy.types import TypeDecorator

from actuator.policy.orders import Action

if TYPE_CHECKING:
    # TypeDecorator takes a parameter for the type checker only.
    _TextDecorator = TypeDecorator[str]
else:
    _TextDecorator = TypeDecorator


class CleanText(_TextDecorator):
    """Text of outside origin: what a database cannot hold (lone surrogates, NUL) is replaced, never an error.

    An alert with such a label would otherwise fail at each repeat, for ever.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Replace on the way in."""
        return None if value is None else clean(str(value))


def clean(text: str) -> str:
    """The text as `CleanText` keeps it."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


METADATA = MetaData()

schema_version = Table("schema_version", METADATA, Column("version", Integer, nullable=False))

control = Table(
    "control",  # one row
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),  # of the newest leader; its writes carry it
    Column("paused", CleanText),  # why, or null
    Column("paused_at", Double),
    Column("breaker_reset_at", Double),
    Column("changes", Integer, nullable=False),  # grows with all that the leader should hear of
)

lease = Table(
    "lease",  # one row
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),  # whose it is
    Column("until", Double, nullable=False),  # by the database's clock, which all replicas share
)

quarantine = Table(
    "quarantine",
    METADATA,
    Column("node", CleanText, primary_key=True),
    Column("why", CleanText, nullable=False),
    Column("since", Double, nullable=False),
    Column("cleared_at", Double),  # null while it is in force
)

episodes = Table(
    "episodes",
    METADATA,
    Column("id", CleanText, primary_key=True),
    Column("fingerprint", CleanText, nullable=False),
    Column("starts_at", Double, nullable=False),
    Column("alertname", CleanText, nullable=False),
    Column("first_seen_at", Double, nullable=False),
    Column("last_seen_at", Double, nullable=False),
    Column("resolved_at", Double),
    Column("reason", CleanText, nullable=False),
    Column("message", CleanText, nullable=False),
    UniqueConstraint("fingerprint", "starts_at"),
)

jobs = Table(
    "jobs",
    METADATA,
    Column("seq", Integer, primary_key=True),  # order of arrival, which created_at alone does not give
    Column("id", CleanText, nullable=False, unique=True),
    Column("episode_id", CleanText, ForeignKey("episodes.id"), index=True),
    Column("action", CleanText, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("order_json", Text, nullable=False),
    Column("state", CleanText, nullable=False),
    Column("reason", CleanText, nullable=False),
    Column("message", CleanText, nullable=False),
    Column("vmid", Integer),
    Column("source", CleanText),
    Column("target", CleanText),
    Column("failure", CleanText),
    Column("guest_node", CleanText),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("migrating_at", Double),  # when it entered ``migrating``: from then on it counts as a move of the guest
    Column("finished_at", Double),
    Column("cancel_requested", Boolean, nullable=False),
    Column("checkpoint_json", Text, nullable=False),
    Index("jobs_by_state", "state", "finished_at"),
    sqlite_autoincrement=True,
)

job_events = Table(
    "job_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("job_id", CleanText, ForeignKey("jobs.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("state", CleanText, nullable=False),
    Column("message", CleanText, nullable=False),
    Column("detail_json", Text, nullable=False),
    Index("job_events_by_job", "job_id", "id"),
    sqlite_autoincrement=True,  # an id never comes twice, whatever is deleted one day
)

audit = Table(
    "audit",  # what is in no job's history; see `actuator.adapters.audit`
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("event", CleanText, nullable=False),
    Column("requested_by", CleanText, nullable=False),
    Column("message", CleanText, nullable=False),
    Column("reason", CleanText),
    Column("job_id", CleanText),
    Column("facts_json", Text, nullable=False),
    sqlite_autoincrement=True,
)

node_records = Table(
    "node_records",  # see `actuator.adapters.node_records`
    METADATA,
    Column("node", CleanText, primary_key=True),
    Column("seen_online_at", Double),
    Column("address", CleanText),
    Column("mac", CleanText),
    Column("mac_read_at", Double),
    Column("wake_at", Double),
    Column("wake_succeeded", Boolean),
    Column("wake_method", CleanText),
    Column("wake_seconds", Double),
    Column("wake_message", CleanText),
    Column("woke_at", Double),
    Column("woke_seconds", Double),
)

# A dry run never touches the guest, so it neither blocks nor is blocked.
_occupies_guest = and_(
    jobs.c.finished_at.is_(None), jobs.c.action == Action.MIGRATE.value, not_(jobs.c.dry_run), jobs.c.vmid.is_not(None)
)
Index(
    "one_live_job_per_guest", jobs.c.vmid, unique=True, sqlite_where=_occupies_guest, postgresql_where=_occupies_guest
)

_moved = jobs.c.migrating_at.is_not(None)
Index("moves_by_guest", jobs.c.vmid, jobs.c.finished_at, sqlite_where=_moved, postgresql_where=_moved)
