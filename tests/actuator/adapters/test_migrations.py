"""From the first release on: an older database becomes what a new one is, and keeps what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, select

from actuator.adapters.migrations import STEPS
from actuator.adapters.store import Store
from actuator.adapters.tables import METADATA, schema_version
from actuator.errors import ConfigurationError
from actuator.policy.jobs import Failure, JobState, Progress
from tests.actuator.adapters.stores import add, opened
from tests.actuator.policy.samples import NOW, job

if TYPE_CHECKING:
    from deploy.lab.postgresql import Postgresql

DUMPS = Path(__file__).parents[2] / "fixtures" / "database"


@pytest.fixture
def old(database: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database as the first release left it."""
    if database.startswith("sqlite"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
            connection.executescript((DUMPS / "version-1.sqlite.sql").read_text())
        return database
    server: Postgresql = request.getfixturevalue("postgresql")
    schema = database.rpartition("search_path%3D")[2].partition("%20")[0]
    with server.admin() as connection:
        connection.execute(f"SET search_path = {schema}".encode())
        connection.execute((DUMPS / "version-1.postgresql.sql").read_bytes())
    return database


def shape(store: Store) -> dict[str, Any]:
    """The tables of a database: columns, keys and indexes, whatever their constraints are called."""
    inspector = inspect(store.database.engine)
    return {
        table: {
            "columns": {
                each["name"]: (str(each["type"]), each["nullable"], bool(each.get("autoincrement", False)))
                for each in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": [
                (each["constrained_columns"], each["referred_table"]) for each in inspector.get_foreign_keys(table)
            ],
            "unique": sorted(each["column_names"] for each in inspector.get_unique_constraints(table)),
            "indexes": sorted((each["name"], each["column_names"], each["unique"]) for each in indexes(store, table)),
        }
        for table in inspector.get_table_names()
    }


def indexes(store: Store, table: str) -> list[Any]:
    """The indexes of a table, but for those that a constraint brings with it."""
    return [each for each in inspect(store.database.engine).get_indexes(table) if not each.get("duplicates_constraint")]


def test_an_older_database_becomes_what_a_new_one_is(old: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Migrated from the first release or made today, the tables are the same."""
    new = f"sqlite:///{tmp_path / 'new.db'}"
    if old.startswith("postgresql"):
        new = request.getfixturevalue("postgresql").new_url()

    with opened(old) as migrated, opened(new) as fresh:
        assert shape(migrated) == shape(fresh)
        with migrated.database.reading() as conn:
            assert conn.execute(select(schema_version.c.version)).scalars().all() == [len(STEPS)]


def test_the_steps_make_what_queries_are_built_from(database: str) -> None:
    """A change of the schema is written as a step and as a table; one without the other fails here."""
    with opened(database) as store:
        made = shape(store)

    assert set(made) == set(METADATA.tables)
    for name, table in METADATA.tables.items():
        found = made[name]["columns"]
        assert {column: nullable for column, (_, nullable, _) in found.items()} == {
            column.name: bool(column.nullable) for column in table.columns
        }
        assert {each[0] for each in made[name]["indexes"]} == {index.name for index in table.indexes}
        assert made[name]["key"] == [column.name for column in table.primary_key]


def test_what_an_older_release_wrote_is_kept(old: str) -> None:
    """Jobs in the middle go on, what was decided is remembered, and what comes new is numbered after it."""
    with opened(old) as store:
        jobs = {each.id: each for each in store.jobs()}
        assert list(jobs) == ["j3", "j2", "j1"]
        assert (jobs["j1"].state, jobs["j2"].failure) == (JobState.MIGRATING, Failure.NEVER_WOKE)
        assert (jobs["j1"].checkpoint.known_upids, jobs["j1"].checkpoint.upid) == (("UPID:1",), "UPID:2")
        assert jobs["j1"].checkpoint.progress == Progress(1, 2, 3)
        assert jobs["j3"].cancel_requested
        assert {each.id: each.resolved_at for each in store.episodes()} == {"e1": None, "e2": NOW + 9}
        assert store.events("j1")[-1].detail == {"upid": "UPID:2"}
        assert store.history(NOW).quarantined == {"pve": "never woke"}
        assert store.switches().paused == "rack work"

        add(store, job("j4", vmid=102))
        assert store.jobs()[0].id == "j4"
        assert store.events("j4")[0].id > store.events("j3")[-1].id
        assert store.next_epoch() == 2


def test_a_newer_database_is_left_alone_on_both(database: str) -> None:
    """A downgrade is refused with both versions and the way out, and nothing is changed."""
    with opened(database) as store, store.database.writing() as conn:
        conn.execute(schema_version.update().values(version=99))
    store = Store.open(database)

    with pytest.raises(ConfigurationError, match=rf"version 99, this release knows up to {len(STEPS)}: .*install"):
        store.upgrade()
    store.close()


def test_another_programs_database_is_left_alone_on_both(database: str) -> None:
    """A database with tables of somebody else's gets none of ours."""
    store = Store.open(database)
    with store.database.engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE dashboards (id INTEGER PRIMARY KEY)")

    with pytest.raises(ConfigurationError, match="it holds dashboards"):
        store.upgrade()

    assert inspect(store.database.engine).get_table_names() == ["dashboards"]
    store.close()


def test_a_step_that_fails_leaves_nothing_behind(old: str) -> None:
    """All steps are one transaction: what is in the way of one of them leaves the database as it was."""
    store = Store.open(old)
    with store.database.engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE lease (something_else INTEGER)")

    with pytest.raises(Exception, match="lease"):
        store.upgrade()

    with store.database.reading() as conn:
        assert conn.execute(select(schema_version.c.version)).scalars().all() == [1]
    assert "changes" not in [each["name"] for each in inspect(store.database.engine).get_columns("control")]
    store.close()
