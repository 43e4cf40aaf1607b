"""A PostgreSQL server that cannot be used: each cause is one sentence, bounded in time, and nothing is half written."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.store import Store
from actuator.errors import StoreUnavailable
from tests.actuator.adapters.stores import add, episode, opened
from tests.actuator.policy.samples import ANY_GUEST, NOW, job

if TYPE_CHECKING:
    from deploy.lab.postgresql import Postgresql


@pytest.fixture
def database(postgresql: Postgresql) -> str:
    """A database in good order, with one job."""
    where = postgresql.new_url()
    with opened(where) as store:
        add(store, job("j1"))
    return where


def refusal(store: Store) -> str:
    """What the store says to a write."""
    with pytest.raises(StoreUnavailable) as refused:
        add(store, job("j2", ANY_GUEST))
    return str(refused.value)


def test_who_is_not_let_in_is_told_why(postgresql: Postgresql) -> None:
    """A wrong password, none at all, a database that is not there: libpq's words, and never the password."""
    server = f"postgresql://wattshift@127.0.0.1:{postgresql.port}"
    for address, password, words in (
        (f"{server}/postgres", "hunter2", "password authentication failed"),
        (f"{server}/postgres", None, "no password supplied"),
        (f"{server}/nowhere", postgresql.password, 'database "nowhere" does not exist'),
        ("postgresql://wattshift@127.0.0.1:1/postgres", "hunter2", "Connection refused"),
    ):
        store = Store.open(address, password=password)
        with pytest.raises(StoreUnavailable) as refused:
            store.upgrade()
        assert words in str(refused.value)
        assert str(refused.value).startswith(f"the database {address} failed: it cannot be reached: ")
        assert "hunter2" not in str(refused.value)
        assert postgresql.password not in str(refused.value)


def test_the_password_opens_it(postgresql: Postgresql) -> None:
    """With the right password, given apart from the URL, the loopback lets in."""
    store = Store.open(f"postgresql://wattshift@127.0.0.1:{postgresql.port}/postgres", password=postgresql.password)
    with store.database.reading() as conn:
        assert conn.exec_driver_sql("SELECT current_user").scalar_one() == "wattshift"
    store.close()


def test_a_server_that_is_restarted_is_found_again(database: str, postgresql: Postgresql) -> None:
    """While it is away every use says so; there again, the first use works, and what was answered for is there."""
    with opened(database) as store:
        postgresql.stop(signal.SIGQUIT)
        try:
            assert "cannot be reached" in refusal(store)
            with pytest.raises(StoreUnavailable):
                store.jobs()
            with pytest.raises(StoreUnavailable):
                store.check_writable()
        finally:
            postgresql.start()

        store.check_writable()
        assert [each.id for each in store.jobs()] == ["j1"]
        add(store, job("j2", ANY_GUEST))


def test_a_connection_that_dies_in_the_middle_writes_nothing(database: str, postgresql: Postgresql) -> None:
    """Half of a body is none of it; the next body goes through."""

    def take() -> None:
        with store.intake() as tx:
            tx.put_episode(episode())
            tx.add_job(job("j2", ANY_GUEST, episode_id="e1"), "begun")
            with postgresql.admin() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                )

    with opened(database) as store:
        with pytest.raises(StoreUnavailable, match=r"it ended the connection|cannot be reached"):
            take()

        assert [each.id for each in store.jobs()] == ["j1"]
        assert store.episodes() == []
        add(store, job("j2", ANY_GUEST))


def test_a_server_that_says_nothing_is_given_up(database: str) -> None:
    """A hanging server (a frozen machine, a stuck disk) makes the webhook answer 503 in time, not hang with it."""
    store, stopped = Store.open(database, busy_seconds=0.2), []

    def hang() -> None:
        with store.database.writing() as conn:
            stopped.append(conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            os.kill(stopped[0], signal.SIGSTOP)
            conn.exec_driver_sql("SELECT 1")

    began = time.monotonic()
    try:
        with pytest.raises(StoreUnavailable, match=r"did not answer for 2\.2 s"):
            hang()
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert time.monotonic() - began < 10
    assert store.paused() is None
    store.close()


def test_a_transaction_that_stands_still_is_ended(database: str, postgresql: Postgresql) -> None:
    """A process that is frozen in the middle of a write holds up the others for two seconds, not for ever."""
    with opened(database, busy_seconds=5) as frozen, opened(database, busy_seconds=5) as other:

        def freeze() -> None:
            with frozen.intake() as tx:
                tx.put_episode(episode())
                add(other, job("j2", ANY_GUEST))  # waits for its turn, which comes when the server ends ours

        with pytest.raises(StoreUnavailable, match=r"nothing came for long|cannot be reached"):
            freeze()

        assert [each.id for each in other.jobs()] == ["j2", "j1"]
        assert other.episodes() == []


def test_another_process_that_holds_the_turn_is_told_of(database: str) -> None:
    """Who waits too long gives up with a sentence; looking still works; the retry then succeeds."""
    with opened(database, busy_seconds=5) as holder:
        store = Store.open(database, busy_seconds=0.1)
        with holder.database.writing():
            assert "another transaction holds it locked" in refusal(store)
            assert [each.id for each in store.jobs()] == ["j1"]

        add(store, job("j2", ANY_GUEST))
        store.close()


def test_an_error_never_shows_what_was_being_written(database: str) -> None:
    """The message goes into answers: statement and values stay out of it."""
    with opened(database) as store:
        with store.database.writing() as conn:
            conn.exec_driver_sql("ALTER TABLE job_events ADD CHECK (length(message) < 9)")
        with pytest.raises(StoreUnavailable) as refused, store.intake() as tx:
            tx.add_job(job("j2", ANY_GUEST), "the-private-words")

        assert "the-private-words" not in str(refused.value)
        assert [each.id for each in store.jobs()] == ["j1"]


def test_a_server_that_only_reads_is_told_of(database: str) -> None:
    """A standby named by mistake says so."""
    store = Store.open(f"{database}%20-cdefault_transaction_read_only%3Don")

    assert "name the primary server under 'database'" in refusal(store)
    store.close()


def test_what_is_committed_is_on_the_disk(database: str) -> None:
    """However carelessly the server is set up, a commit waits for the disk."""
    store = Store.open(f"{database}%20-csynchronous_commit%3Doff")
    with store.database.writing() as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    store.close()


def test_a_look_is_of_one_moment(database: str) -> None:
    """All reads of one look see the same, whatever is written meanwhile; and a look writes nothing."""
    with opened(database) as store:
        with store.database.reading() as conn:
            before = conn.exec_driver_sql("SELECT paused FROM control").scalar_one()
            store.pause("rack work", NOW)
            assert conn.exec_driver_sql("SELECT paused FROM control").scalar_one() == before
        with pytest.raises(StoreUnavailable, match="may only be read"), store.database.reading() as conn:
            conn.exec_driver_sql("UPDATE control SET epoch = 9")
