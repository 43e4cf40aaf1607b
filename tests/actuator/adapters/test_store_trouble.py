"""A database that cannot be used: each cause is one sentence, and nothing is half written."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from actuator.adapters.database import open_engine
from actuator.adapters.migrations import STEPS
from actuator.adapters.store import Store
from actuator.errors import ConfigurationError, StoreUnavailable
from tests.actuator.adapters.stores import add, elsewhere, opened, quarantine, url
from tests.actuator.policy.samples import ANY_GUEST, NOW, job

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in good order, with one job, open in nobody's hands."""
    with opened(tmp_path / "a.db") as store:
        add(store, job("j1"))
    return tmp_path / "a.db"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://me:hunter2@db/wattshift", "mysql is not supported; expected a file, such as sqlite:////"),
        ("postgresql://me:hunter2@db/wattshift", "expected no password in the URL: put it into a file"),
        ("postgresql://me@db/wattshift?password=hunter2", "expected no password in the URL: put it into a file"),
        ("postgresql://me@db", "expected a database's name, such as postgresql://"),
        ("me:hunter2@wattshift", "not a database URL; expected a file, such as sqlite:////"),
        ("", "not a database URL"),
        ("sqlite://", "nothing in memory survives a restart; expected a file"),
        ("sqlite:///:memory:", "nothing in memory survives a restart; expected a file"),
    ],
)
def test_an_address_of_neither_kind_is_a_configuration_error(address: str, words: str) -> None:
    """The sentence names the key and what is expected, and never repeats a password."""
    with pytest.raises(ConfigurationError) as refused:
        Store.open(address)

    assert str(refused.value).startswith("database: ")
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_opening_touches_no_file(tmp_path: Path) -> None:
    """A configuration can be checked on a machine where the service has never run."""
    Store.open(url(tmp_path / "a.db")).close()

    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The first start on a fresh machine says what to create."""
    store = Store.open(url(tmp_path / "missing" / "a.db"))

    with pytest.raises(StoreUnavailable, match=r"missing/a\.db failed: it cannot be opened: create its folder"):
        store.upgrade()


def test_a_database_of_a_newer_release_is_left_alone(path: Path) -> None:
    """A downgrade is refused with both versions and the way out, before anything is changed."""
    with elsewhere(path) as other:
        other.execute("UPDATE schema_version SET version = 99")
    store = Store.open(url(path))

    with pytest.raises(
        ConfigurationError, match=rf"schema version 99, this release knows up to {len(STEPS)}: .*install"
    ):
        store.upgrade()

    store.close()
    with elsewhere(path) as other:
        assert other.execute("SELECT version FROM schema_version").fetchall() == [(99,)]


@pytest.mark.parametrize(
    "tables",
    [
        ["CREATE TABLE jobs (x)"],
        ["CREATE TABLE dashboards (id INTEGER PRIMARY KEY)"],
        ["CREATE TABLE schema_version (applied)"],
        ["CREATE TABLE schema_version (version)"],
        ["CREATE TABLE schema_version (version)", "INSERT INTO schema_version VALUES ('2.1')"],
        ["CREATE TABLE schema_version (version)", "INSERT INTO schema_version VALUES (1)", "CREATE TABLE jobs (x)"],
    ],
)
def test_a_database_of_another_program_is_refused_at_start(tmp_path: Path, tables: list[str]) -> None:
    """Another program's file is found out before anything listens, and gets no tables of ours."""
    with elsewhere(tmp_path / "a.db") as other:
        for statement in tables:
            other.execute(statement)
        before = other.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    store = Store.open(url(tmp_path / "a.db"))

    with pytest.raises(
        ConfigurationError, match=r"not made by wattshift-actuator .*: name another one under 'database'"
    ):
        store.upgrade()

    store.close()
    with elsewhere(tmp_path / "a.db") as other:
        assert other.execute("SELECT name, sql FROM sqlite_schema").fetchall() == before


def test_a_database_that_lost_a_table_is_refused_at_start(path: Path) -> None:
    """What is missing is named, in place of an error at each request."""
    with elsewhere(path) as other:
        other.execute("DROP TABLE job_events")
        other.execute("ALTER TABLE quarantine DROP COLUMN why")
    store = Store.open(url(path))

    with pytest.raises(ConfigurationError, match=r"lacks job_events\)"):
        store.upgrade()
    store.close()


def test_upgrading_again_changes_nothing(path: Path) -> None:
    """Every start upgrades; what is there stays."""
    with opened(path) as store:
        store.next_epoch()
        store.upgrade()

        assert store.next_epoch() == 2
        assert [each.id for each in store.jobs()] == ["j1"]


def test_a_file_that_is_no_database_is_not_overwritten(tmp_path: Path) -> None:
    """A wrong path in the configuration costs nobody a file."""
    path = tmp_path / "notes.txt"
    path.write_text("shopping list " * 100)
    store = Store.open(url(path))

    with pytest.raises(StoreUnavailable, match=r"it is no SQLite database: name another file under 'database'"):
        store.upgrade()

    assert path.read_text().startswith("shopping list")


def test_a_damaged_file_is_reported(path: Path) -> None:
    """Damage inside the file is told as such, with what to do."""
    with elsewhere(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [page_size], [root] = (
            other.execute("PRAGMA page_size").fetchone(),
            other.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'jobs'").fetchone(),
        )
    with path.open("r+b") as file:
        file.seek((root - 1) * page_size)
        file.write(b"\xff" * page_size)
    store = Store.open(url(path))

    with pytest.raises(StoreUnavailable, match="it is damaged: stop the actuator, restore a backup"):
        store.live_jobs()
    store.close()


def test_a_database_that_is_gone_takes_nothing_in(path: Path) -> None:
    """Nothing is answered for from a removed file, nor is an empty one made in its place; put back, it goes on."""
    with opened(path) as store:
        path.rename(path.with_name("away.db"))
        for use in (lambda: add(store, job("j2", ANY_GUEST)), store.jobs, store.paused):
            with pytest.raises(StoreUnavailable, match=r"a\.db was removed .*start the actuator again"):
                use()
        assert not path.exists()

        path.with_name("away.db").rename(path)
        assert [each.id for each in store.jobs()] == ["j1"]


def test_a_database_in_the_place_of_another_takes_nothing_in(path: Path) -> None:
    """A restored backup is another file, which connections of before do not see."""
    with opened(path) as store:
        path.rename(path.with_name("away.db"))
        with opened(path):
            pass
        for use in (lambda: add(store, job("j2", ANY_GUEST)), store.jobs):
            with pytest.raises(StoreUnavailable, match=r"a\.db was removed or replaced"):
                use()


def test_a_database_that_goes_in_the_middle_of_a_body_is_told_of(path: Path) -> None:
    """What was written to a removed file is lost, so it is not answered for."""

    def take() -> None:
        with store.intake() as tx:
            tx.add_job(job("j2", ANY_GUEST), "begun")
            path.unlink()

    with opened(path) as store, pytest.raises(StoreUnavailable, match="was removed or replaced"):
        take()


def test_a_full_disk_refuses_the_write_and_keeps_the_rest(path: Path) -> None:
    """SQLite's own "full" (here by a page limit): nothing of the body is written, reading goes on."""
    engine = open_engine(url(path))

    @event.listens_for(engine, "connect")
    def _limit(connection: sqlite3.Connection, _record: object) -> None:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    store = Store(engine)
    with pytest.raises(StoreUnavailable, match="the disk is full: free some space there"):
        add(store, *(job(f"x{number}", ANY_GUEST, message="m" * 4000) for number in range(50)))

    assert [each.id for each in store.jobs()] == ["j1"]
    store.close()


def test_whether_it_can_be_written_is_remembered_and_found_out_anew(path: Path) -> None:
    """After a write that failed, a look tries again; while writing works, nothing is written to find out."""
    with opened(path) as store:
        store.check_writable()
        with elsewhere(path) as other:
            [before] = other.execute("PRAGMA data_version").fetchone()
            store.check_writable()
            assert other.execute("PRAGMA data_version").fetchone() == (before,), "nobody wrote"

            other.execute("CREATE TRIGGER full BEFORE UPDATE ON control BEGIN SELECT RAISE(ABORT, 'no space'); END")
            store.check_writable()
            with pytest.raises(StoreUnavailable, match="no space"):
                store.pause("why", NOW)
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="no space"):
                    store.check_writable()

            other.execute("DROP TRIGGER full")
            [before] = other.execute("PRAGMA data_version").fetchone()
            store.check_writable()
            [after] = other.execute("PRAGMA data_version").fetchone()
            assert after != before, "it was tried on the disk"
            store.check_writable()
            assert other.execute("PRAGMA data_version").fetchone() == (after,), "once is enough"

        assert store.next_epoch() == 1, "trying changes nothing"


def test_a_write_that_works_ends_the_doubt(path: Path) -> None:
    """The newest write counts; one that was refused for what it said has not failed."""
    with opened(path) as store, elsewhere(path) as other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON control BEGIN SELECT RAISE(ABORT, 'no space'); END")
        with pytest.raises(StoreUnavailable, match="no space"):
            store.pause("why", NOW)
        quarantine(store, "pve", "why", NOW)
        store.check_writable()
        with pytest.raises(ValueError, match="not in the database"):
            store.save(job("nobody"), epoch=0, message=None)
        store.check_writable()


def test_a_read_only_database_is_read_but_not_written(path: Path) -> None:
    """A wrong owner of the file is told as such; looking still works."""
    with elsewhere(path) as keeper:
        keeper.execute("SELECT * FROM jobs").fetchall()  # a reader without rights needs somebody's shared memory file
        store = Store.open(f"sqlite:///file:{path}?mode=ro&uri=true")

        assert [each.id for each in store.jobs()] == ["j1"]
        with pytest.raises(StoreUnavailable, match="it may only be read: let the user that runs the actuator write"):
            store.pause("why", NOW)
        store.close()


def test_a_database_that_another_program_locks_is_unavailable_until_it_lets_go(path: Path) -> None:
    """A backup tool that holds the file makes the webhook answer 503, not hang; the retry then succeeds."""
    store = Store.open(url(path), busy_seconds=0.05)
    with elsewhere(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program holds it locked"):
            add(store, job("j2", ANY_GUEST))
        assert [each.id for each in store.jobs()] == ["j1"]
        other.execute("ROLLBACK")

    add(store, job("j2", ANY_GUEST))
    assert [each.id for each in store.jobs()] == ["j2", "j1"]
    store.close()


def test_a_writer_of_our_own_that_takes_too_long_is_told_of(path: Path) -> None:
    """When another thread's transaction does not end, the waiting one gives up with a sentence."""
    store = Store.open(url(path), busy_seconds=0.05)
    refusals: list[str] = []

    def write() -> None:
        with pytest.raises(StoreUnavailable) as refused:
            store.pause("why", NOW)
        refusals.append(str(refused.value))

    with store.intake():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()

    assert refusals == [
        f"the database {path} is busy: earlier writes took longer than 0.05 s; see whether its disk is slow or full"
    ]
    store.close()


def test_an_error_never_shows_what_was_being_written(path: Path) -> None:
    """The message goes into answers: statement and values stay out of it."""
    with elsewhere(path) as other:
        other.execute("DROP TABLE job_events")
    store = Store.open(url(path))

    with pytest.raises(StoreUnavailable) as refused:
        add(store, job("j2", ANY_GUEST, message="the-private-words"))

    assert str(refused.value) == f"the database {path} failed: no such table: job_events"
    assert [each.id for each in store.jobs()] == ["j1"], "nothing of it was written"
    store.close()


def test_what_is_committed_is_on_the_disk(path: Path) -> None:
    """Every connection writes ahead and waits for the disk: a power cut loses nothing that was answered."""
    engine = open_engine(url(path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
    engine.dispose()
