"""Intakes that meet: many threads, many processes, and processes that die."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from actuator.adapters.database import open_engine
from actuator.adapters.store import Store
from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from tests.actuator.adapters.stores import add, episode, opened, receive, url
from tests.actuator.policy.samples import ANY_GUEST, NOW, ORDER, job

if TYPE_CHECKING:
    from actuator.adapters.intake import Intake
    from actuator.policy.orders import Order

ROOT = Path(__file__).resolve().parents[3]
THREADS = 8


def hammer(path: Path, order: Order, fingerprints: list[str]) -> Counter[Reason]:
    """Take the same alerts in from many threads at once, half of them through a second store on the same file."""
    barrier = Barrier(THREADS)

    def work(number: int) -> Counter[Reason]:
        barrier.wait()
        return Counter(
            receive(stores[number % 2], order, fingerprint=fingerprint, own_id=f"{number}-{fingerprint}")
            for fingerprint in fingerprints
        )

    with ExitStack() as stack:
        stores = [stack.enter_context(opened(path)) for _ in range(2)]
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(work, range(THREADS)), Counter())


def test_one_episode_from_many_threads_makes_one_job(tmp_path: Path) -> None:
    """An Alertmanager pair, retries and repeats at the same moment begin one job; all others are told of it."""
    reasons = hammer(tmp_path / "a.db", ORDER, ["f00d"] * 3)

    assert reasons == {Reason.ACCEPTED: 1, Reason.DUPLICATE_EPISODE: 3 * THREADS - 1}
    with opened(tmp_path / "a.db") as store:
        assert len(store.jobs()) == len(store.episodes()) == 1
        assert len(store.events(store.jobs()[0].id)) == 1


@pytest.mark.parametrize("order", [ORDER, ANY_GUEST])
def test_many_episodes_about_one_guest_make_one_job(tmp_path: Path, order: Order) -> None:
    """Whoever asks, and for whatever alert, one guest has one live job, and one node is relieved of one at a time."""
    fingerprints = [f"{number:04x}" for number in range(4)]

    reasons = hammer(tmp_path / "a.db", order, fingerprints)

    assert reasons[Reason.ACCEPTED] == 1
    assert reasons.keys() <= {Reason.ACCEPTED, Reason.DUPLICATE_EPISODE, Reason.IN_FLIGHT}
    with opened(tmp_path / "a.db") as store:
        assert len(store.jobs()) == 1
        assert {each.fingerprint for each in store.episodes(limit=99)} == set(fingerprints)


def test_readers_do_not_wait_for_a_writer_nor_see_half_of_it(tmp_path: Path) -> None:
    """While a webhook body is being written, a look shows the state before it."""
    with opened(tmp_path / "a.db") as store:
        with store.intake() as tx:
            tx.put_episode(episode())
            tx.add_job(job("j1", episode_id="e1"), "begun")

            assert (store.jobs(), store.episodes()) == ([], [])

        assert len(store.jobs()) == len(store.episodes()) == 1


def test_a_body_sees_its_own_writes(tmp_path: Path) -> None:
    """The second alert of a body knows of the first one's job, and of its cancellation, whatever was read before."""
    with opened(tmp_path / "a.db") as store, store.intake() as tx:
        tx.put_episode(episode())
        assert tx.history(NOW).live_jobs == ()

        tx.add_job(job("j1", episode_id="e1"), "begun")
        assert [each.cancel_requested for each in tx.history(NOW).live_jobs] == [False]

        tx.cancel_unstarted("e1", "resolved", NOW)
        assert [each.cancel_requested for each in tx.history(NOW).live_jobs] == [True]
        assert tx.history(NOW + 1, "e1").episode_jobs == 1


def test_a_body_forgets_nothing_that_it_ended_itself(tmp_path: Path) -> None:
    """A job that is over when it is written counts for the alerts after it, as one of long ago does."""
    failed = job("j1", state=JobState.FAILED, failure=Failure.NEVER_WOKE, finished_at=NOW - 9)
    with opened(tmp_path / "a.db") as store, store.intake() as tx:
        assert tx.history(NOW).recent_failures == ()
        tx.add_job(failed, "over")

        assert (tx.history(NOW).recent_failures, tx.history(NOW).live_jobs) == ((NOW - 9,), ())


@pytest.mark.parametrize("waiting", [0, 40])
@pytest.mark.parametrize("firing", [True, False])
def test_a_body_costs_the_same_for_each_of_its_alerts(tmp_path: Path, waiting: int, firing: bool) -> None:  # noqa: FBT001 - a case
    """A storm of alerts does not hold the database for longer than its length: live jobs are read once for all."""
    sizes = (10, 30)
    spent = []
    for size in sizes:
        engine = open_engine(url(tmp_path / f"{size}.db"))
        store = Store(engine)
        store.upgrade()
        add(store, *(job(f"w{each}", replace(ORDER, vmid=5000 + each)) for each in range(waiting)))
        statements: list[str] = []

        @event.listens_for(engine, "after_cursor_execute")
        def _note(*told: object, statements: list[str] = statements) -> None:
            statements.append(str(told[2]))

        with store.intake() as tx:
            for each in range(size):
                take(tx, f"j{each}", 200 + each)
                if not firing:
                    tx.cancel_unstarted(f"j{each}", "resolved", NOW)
        store.close()
        spent.append(len(statements))
        assert sum("finished_at IS NULL ORDER BY" in each for each in statements) == 1, "live jobs are read once"

    per_alert, rest = divmod(spent[1] - spent[0], sizes[1] - sizes[0])
    assert rest == 0
    assert spent[0] - per_alert * sizes[0] < 10, "what a body costs, whatever is in it"


def take(tx: Intake, name: str, vmid: int) -> None:
    """Take in a new alert for a guest, which begins a job."""
    history = tx.history(NOW, name)
    tx.put_episode(episode(name, fingerprint=name))
    assert vmid not in {each.vmid for each in history.live_jobs}
    tx.add_job(job(name, replace(ORDER, vmid=vmid), episode_id=name), "begun")
    assert vmid in {each.vmid for each in tx.history(NOW, name).live_jobs}


def test_an_error_in_the_middle_of_a_body_undoes_all_of_it(tmp_path: Path) -> None:
    """Either every alert of a body is on disk, or none: the retry finds nothing half done."""
    with opened(tmp_path / "a.db") as store:

        def take_half() -> None:
            with store.intake() as tx:
                tx.put_episode(episode())
                tx.add_job(job("j1", episode_id="e1"), "begun")
                raise RuntimeError("a defect")

        with pytest.raises(RuntimeError, match="a defect"):
            take_half()

        assert (store.jobs(), store.episodes(), store.events("j1")) == ([], [], [])
        add(store, job("j1"))


CHILD = """
import sys
from pathlib import Path
from tests.actuator.adapters.stores import episode, opened, receive
from tests.actuator.policy.samples import job

with opened(Path(sys.argv[1])) as store:
    receive(store, own_id="j1")
    if sys.argv[2] == "inside":
        with store.intake() as tx:
            tx.put_episode(episode("e2", fingerprint="beef"))
            tx.add_job(job("j2", vmid=101, episode_id="e2"), "begun")
            print("ready", flush=True)
            sys.stdin.read()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("where", ["inside", "after"])
def test_what_was_answered_survives_kill_9_and_nothing_else_does(tmp_path: Path, where: str) -> None:
    """Killed right after an intake returned, or within the next: the first is there whole, the second not at all."""
    path = tmp_path / "a.db"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), where], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.kill()

    with opened(path) as store:
        assert [each.id for each in store.live_jobs()] == ["j1"]
        assert [each.id for each in store.episodes()] == ["j1"]
        assert len(store.events("j1")) == 1
        assert receive(store, own_id="j3") is Reason.DUPLICATE_EPISODE, "Alertmanager's retry is harmless"
        add(store, job("j2", replace(ORDER, vmid=101)))
