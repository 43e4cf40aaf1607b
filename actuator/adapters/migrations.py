"""The steps that make the tables, from nothing or from what an older release made.

A step is SQL that both databases take, frozen for ever once a release has it. To change the schema, append a step to
`STEPS` here and write the same into `tables`, which is what queries are built from; a test tells when the two differ.
What the two databases spell differently stands in braces, see `_SPELLINGS`. Forward only: an older release refuses a
newer database. All steps that are due run in one transaction at the start, or none does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, update

from actuator.adapters.tables import METADATA, schema_version
from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SPELLINGS = {
    "sqlite": {"serial": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "double": "DOUBLE", "false": "0"},
    "postgresql": {"serial": "SERIAL PRIMARY KEY", "double": "DOUBLE PRECISION", "false": "false"},
}

_FIRST = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    """CREATE TABLE control (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        paused TEXT,
        paused_at {double},
        breaker_reset_at {double}
    )""",
    """CREATE TABLE quarantine (
        node TEXT NOT NULL PRIMARY KEY,
        why TEXT NOT NULL,
        since {double} NOT NULL,
        cleared_at {double}
    )""",
    """CREATE TABLE episodes (
        id TEXT NOT NULL PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        starts_at {double} NOT NULL,
        alertname TEXT NOT NULL,
        first_seen_at {double} NOT NULL,
        last_seen_at {double} NOT NULL,
        resolved_at {double},
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        UNIQUE (fingerprint, starts_at)
    )""",
    """CREATE TABLE jobs (
        seq {serial},
        id TEXT NOT NULL UNIQUE,
        episode_id TEXT REFERENCES episodes (id),
        action TEXT NOT NULL,
        dry_run BOOLEAN NOT NULL,
        order_json TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        vmid INTEGER,
        source TEXT,
        target TEXT,
        failure TEXT,
        guest_node TEXT,
        created_at {double} NOT NULL,
        updated_at {double} NOT NULL,
        migrating_at {double},
        finished_at {double},
        cancel_requested BOOLEAN NOT NULL,
        checkpoint_json TEXT NOT NULL
    )""",
    "CREATE INDEX ix_jobs_episode_id ON jobs (episode_id)",
    "CREATE INDEX jobs_by_state ON jobs (state, finished_at)",
    "CREATE INDEX moves_by_guest ON jobs (vmid, finished_at) WHERE migrating_at IS NOT NULL",
    """CREATE UNIQUE INDEX one_live_job_per_guest ON jobs (vmid)
        WHERE finished_at IS NULL AND action = 'migrate' AND dry_run = {false} AND vmid IS NOT NULL""",
    """CREATE TABLE job_events (
        id {serial},
        job_id TEXT NOT NULL REFERENCES jobs (id),
        at {double} NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL,
        detail_json TEXT NOT NULL
    )""",
    "CREATE INDEX job_events_by_job ON job_events (job_id, id)",
    "INSERT INTO schema_version (version) VALUES (0)",
    "INSERT INTO control (id, epoch) VALUES (1, 0)",
)

_SEVERAL_ACTUATORS = (
    "ALTER TABLE control ADD COLUMN changes INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE lease (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        until {double} NOT NULL
    )""",
    "INSERT INTO lease (id, epoch, until) VALUES (1, 0, 0)",
)

_AUDIT = (
    """CREATE TABLE audit (
        id {serial},
        at {double} NOT NULL,
        event TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        message TEXT NOT NULL,
        reason TEXT,
        job_id TEXT,
        facts_json TEXT NOT NULL
    )""",
)

_NODE_RECORDS = (
    """CREATE TABLE node_records (
        node TEXT NOT NULL PRIMARY KEY,
        seen_online_at {double},
        address TEXT,
        mac TEXT,
        mac_read_at {double},
        wake_at {double},
        wake_succeeded BOOLEAN,
        wake_method TEXT,
        wake_seconds {double},
        wake_message TEXT,
        woke_at {double},
        woke_seconds {double}
    )""",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST, _SEVERAL_ACTUATORS, _AUDIT, _NODE_RECORDS)
"""Step n leads from version n to n + 1; the newest version is their number."""


def upgrade(conn: Connection) -> None:
    """Bring the database to the newest version, all in the caller's transaction; does nothing when it is there.

    Raises:
        ConfigurationError: The database was written by a newer release, or by another program.
    """
    found = _version(conn)
    if found > len(STEPS):
        raise ConfigurationError(
            f"the database has schema version {found}, this release knows up to {len(STEPS)}: a newer release wrote "
            f"it; install that release again, or name another one under 'database'"
        )
    past = [statement for step in STEPS[:found] for statement in step]
    made = {name for statement in past for name in re.findall(r"^CREATE TABLE (\w+)", statement)}
    if gone := sorted(made - set(inspect(conn).get_table_names())):
        raise _foreign(f"it lacks {', '.join(gone)}")
    for step in STEPS[found:]:
        for statement in step:
            conn.exec_driver_sql(statement.format_map(_SPELLINGS[conn.dialect.name]))
    conn.execute(update(schema_version).values(version=len(STEPS)))
    if lacking := _lacking(conn):
        raise _foreign(f"it lacks {', '.join(lacking)}")


def _version(conn: Connection) -> int:
    inspector = inspect(conn)
    tables = inspector.get_table_names()
    if not tables:
        return 0
    if schema_version.name not in tables:
        raise _foreign(f"it holds {', '.join(tables)}")
    columns = [column["name"] for column in inspector.get_columns(schema_version.name)]
    found = conn.execute(select(schema_version.c.version)).scalars().all() if "version" in columns else []
    if len(found) != 1 or not isinstance(found[0], int):
        raise _foreign("its schema_version holds no version")
    return found[0]


def _lacking(conn: Connection) -> list[str]:
    inspector = inspect(conn)
    tables = inspector.get_table_names()
    there = {
        (table, column["name"])
        for table in METADATA.tables
        if table in tables
        for column in inspector.get_columns(table)
    }
    ours = {(table.name, column.name) for table in METADATA.tables.values() for column in table.columns}
    return [f"{table}.{column}" for table, column in sorted(ours - there)]


def _foreign(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the database was not made by wattshift-actuator or is damaged ({why}): name another one under 'database', "
        f"or restore a backup"
    )
