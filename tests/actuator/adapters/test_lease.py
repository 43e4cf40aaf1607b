"""Who leads on PostgreSQL: at once after a death, soon after a standstill, and never two that can write."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.leadership import Leadership, lead_of
from actuator.adapters.lease import LEASE_SECONDS, Lease
from actuator.errors import LeadershipLost, StoreUnavailable
from actuator.policy.jobs import JobState
from tests.actuator.adapters.stores import add, opened, url
from tests.actuator.policy.samples import job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actuator.adapters.store import Store
    from deploy.lab.postgresql import Postgresql

ROOT = Path(__file__).resolve().parents[3]
TAKEOVER_SECONDS = 5.0
POLL_SECONDS = 0.1


@pytest.fixture
def database(postgresql: Postgresql) -> str:
    """An empty database."""
    return postgresql.new_url()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store on it."""
    with opened(database, busy_seconds=5) as opened_store:
        yield opened_store


def within(seconds: float, reached: Callable[[], object]) -> float:
    """Wait until something holds; how long that took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() < began + seconds, f"not within {seconds} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def test_each_database_has_its_own_way(store: Store, tmp_path: Path) -> None:
    """A file is led by a lock beside it, a server by a lease."""
    assert isinstance(lead_of(store), Lease)
    with opened(tmp_path / "a.db") as file:
        lead = lead_of(file)
        assert isinstance(lead, Leadership)
        assert lead.acquire() == 1
        lead.release()
    assert (tmp_path / "a.lock").exists()
    assert url(tmp_path / "a.db").startswith("sqlite")


def test_one_leads_until_it_gives_up(store: Store, database: str) -> None:
    """The second candidate gets nothing while the first leads and renews, and a new epoch at once when it gives up."""
    with opened(database) as other_store:
        first, second = Lease(store), Lease(other_store)
        assert (first.acquire(), second.acquire()) == (1, None)
        until = time.monotonic() + LEASE_SECONDS + 0.5
        while time.monotonic() < until:
            assert second.acquire() is None, "the lease was not renewed"
            time.sleep(POLL_SECONDS)
        assert (first.epoch, first.acquire(), second.epoch) == (1, 1, None)

        first.release()
        assert (second.acquire(), first.acquire()) == (2, None)
        assert (first.epoch, second.epoch) == (None, 2)
        first.release()
        second.release()
        second.release()


def test_two_schemas_have_a_leader_each(store: Store, postgresql: Postgresql) -> None:
    """Actuators of two clusters may share one database, each in a schema of its own."""
    with opened(postgresql.new_url()) as other_store:
        first, second = Lease(store), Lease(other_store)

        assert (first.acquire(), second.acquire()) == (1, 1)
        first.release()
        second.release()


CHILD = """
import sys, time
import structlog
from actuator.adapters.lease import Lease
from actuator.errors import LeadershipLost
from tests.actuator.adapters.stores import opened
from tests.actuator.policy.samples import job
from actuator.policy.jobs import JobState

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # its lines would mix with what is said
with opened(sys.argv[1]) as store:
    lease = Lease(store)
    epoch = lease.acquire()
    print("said", epoch, flush=True)
    sys.stdin.readline()
    print("said", lease.epoch, flush=True)
    for use in (lambda: store.check_lead(epoch), lambda: store.save(job("j1", state=JobState.PREFLIGHT), epoch=epoch, message="me")):
        try:
            use()
            print("said done", flush=True)
        except LeadershipLost:
            print("said LeadershipLost", flush=True)
"""  # noqa: E501 - another process's program


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_the_lead_is_taken_over_in_time(store: Store, database: str, how: signal.Signals) -> None:
    """Killed or frozen, the leader has a successor within five seconds; come to life again, it writes no more."""
    add(store, job("j1"))
    lease = Lease(store)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, database], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stdout.readline() == "said 1\n"
            assert lease.acquire() is None
            child.send_signal(how)

            within(TAKEOVER_SECONDS, lease.acquire)
            assert lease.epoch == 2

            child.send_signal(signal.SIGCONT)
            rest = child.communicate("go on\n")[0] if how is signal.SIGSTOP else ""
        finally:
            child.kill()

    said = [line.removeprefix("said ") for line in rest.splitlines() if line.startswith("said ")]
    assert said == (["None", "LeadershipLost", "LeadershipLost"] if how is signal.SIGSTOP else [])
    assert [each.message for each in store.events("j1")] == ["begun"]
    assert lease.epoch == 2
    lease.release()


def test_a_leader_whose_connection_dies_knows_soon(store: Store, database: str, postgresql: Postgresql) -> None:
    """Within two seconds it leads no more, and may ask for the lead again; what it had under way is fenced."""
    add(store, job("j1"))
    first = Lease(store)
    assert first.acquire() == 1
    with postgresql.admin() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 19094"
        )

    within(2.0, lambda: first.epoch is None)
    with opened(database) as other_store:
        second = Lease(other_store)
        within(TAKEOVER_SECONDS, second.acquire)

        with pytest.raises(LeadershipLost, match="another process leads"):
            store.save(job("j1", state=JobState.PREFLIGHT), epoch=1, message=None)
        assert first.acquire() is None
        second.release()
    assert first.acquire() == 3
    first.release()


def test_a_lease_ends_by_its_holders_own_clock(store: Store) -> None:
    """After a standstill of the machine the first look says that the lead is gone, before anything was asked."""
    now = time.monotonic()
    ahead = [0.0]
    lease = Lease(store, lambda: now + ahead[0])
    assert lease.acquire() == 1

    ahead[0] = LEASE_SECONDS + 0.1
    assert lease.epoch is None
    lease.release()


def test_without_a_server_nobody_leads(database: str, store: Store, postgresql: Postgresql) -> None:
    """A server that is restarted costs the lead; there again, it is taken again, in a new epoch."""
    lease = Lease(store)
    assert lease.acquire() == 1
    postgresql.stop()
    try:
        within(2.0, lambda: lease.epoch is None)
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            lease.acquire()
    finally:
        postgresql.start()

    assert lease.acquire() == 2
    lease.release()
