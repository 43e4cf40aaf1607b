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

from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from tests.actuator.adapters.stores import add, episode, opened, receive
from tests.actuator.policy.samples import ANY_GUEST, NOW, ORDER, job

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.store import Store
    from actuator.policy.orders import Order

ROOT = Path(__file__).resolve().parents[3]
THREADS = 8


def hammer(database: str, order: Order, fingerprints: list[str]) -> Counter[Reason]:
    """Take the same alerts in from many threads at once, half of them through a second store."""
    barrier = Barrier(THREADS)

    def work(number: int) -> Counter[Reason]:
        barrier.wait()
        return Counter(
            receive(stores[number % 2], order, fingerprint=fingerprint, own_id=f"{number}-{fingerprint}")
            for fingerprint in fingerprints
        )

    with ExitStack() as stack:
        stores = [stack.enter_context(opened(database)) for _ in range(2)]
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(work, range(THREADS)), Counter())


def test_one_episode_from_many_threads_makes_one_job(database: str) -> None:
    """An Alertmanager pair, retries and repeats at the same moment begin one job; all others are told of it."""
    reasons = hammer(database, ORDER, ["f00d"] * 3)

    assert reasons == {Reason.ACCEPTED: 1, Reason.DUPLICATE_EPISODE: 3 * THREADS - 1}
    with opened(database) as store:
        assert len(store.jobs()) == len(store.episodes()) == 1
        assert len(store.events(store.jobs()[0].id)) == 1


@pytest.mark.parametrize("order", [ORDER, ANY_GUEST])
def test_many_episodes_about_one_guest_make_one_job(database: str, order: Order) -> None:
    """Whoever asks, and for whatever alert, one guest has one live job, and one node is relieved of one at a time."""
    fingerprints = [f"{number:04x}" for number in range(4)]

    reasons = hammer(database, order, fingerprints)

    assert reasons[Reason.ACCEPTED] == 1
    assert reasons.keys() <= {Reason.ACCEPTED, Reason.DUPLICATE_EPISODE, Reason.IN_FLIGHT}
    with opened(database) as store:
        assert len(store.jobs()) == 1
        assert {each.fingerprint for each in store.episodes(limit=99)} == set(fingerprints)


def test_readers_do_not_wait_for_a_writer_nor_see_half_of_it(database: str) -> None:
    """While a webhook body is being written, a look shows the state before it."""
    with opened(database) as store:
        with store.intake() as tx:
            tx.put_episode(episode())
            tx.add_job(job("j1", episode_id="e1"), "begun")

            assert (store.jobs(), store.episodes()) == ([], [])

        assert len(store.jobs()) == len(store.episodes()) == 1


def test_a_body_sees_its_own_writes(database: str) -> None:
    """The second alert of a body knows of the first one's job, and of its cancellation, whatever was read before."""
    with opened(database) as store, store.intake() as tx:
        tx.put_episode(episode())
        assert tx.history(NOW).live_jobs == ()

        tx.add_job(job("j1", episode_id="e1"), "begun")
        assert [each.cancel_requested for each in tx.history(NOW).live_jobs] == [False]

        tx.cancel_unstarted("e1", "resolved", NOW)
        assert [each.cancel_requested for each in tx.history(NOW).live_jobs] == [True]
        assert tx.history(NOW + 1, "e1").episode_jobs == 1


def test_a_body_forgets_nothing_that_it_ended_itself(database: str) -> None:
    """A job that is over when it is written counts for the alerts after it, as one of long ago does."""
    failed = job("j1", state=JobState.FAILED, failure=Failure.NEVER_WOKE, finished_at=NOW - 9)
    with opened(database) as store, store.intake() as tx:
        assert tx.history(NOW).recent_failures == ()
        tx.add_job(failed, "over")

        assert (tx.history(NOW).recent_failures, tx.history(NOW).live_jobs) == ((NOW - 9,), ())


@pytest.mark.parametrize("waiting", [0, 40])
@pytest.mark.parametrize("known", [True, False])
def test_a_body_costs_the_same_however_many_alerts_are_in_it(database: str, waiting: int, known: bool) -> None:  # noqa: FBT001 - a case
    """A storm of alerts holds the database for a few statements, whether its alerts are new or repeats."""
    with opened(database) as store:
        add(store, *(job(f"w{each}", replace(ORDER, vmid=5000 + each)) for each in range(waiting)))
        spent = [statements(store, take_in, body) for body in (1, 2)]
        if known:
            spent = [statements(store, take_in, body) for body in (1, 2)]

        assert sum("finished_at IS NULL ORDER BY" in each for each in spent[0]) == 1, "live jobs are read once"
    assert len(spent[0]) == len(spent[1]) <= 13


def statements(store: Store, use: Callable[[Store, int, int], None], body: int) -> list[str]:
    """The statements that a use of the store comes to."""
    told: list[str] = []

    def note(*arguments: object) -> None:
        told.append(str(arguments[2]))

    event.listen(store.database.engine, "after_cursor_execute", note)
    use(store, body, 20 * body)
    event.remove(store.database.engine, "after_cursor_execute", note)
    return told


def take_in(store: Store, body: int, alerts: int) -> None:
    """Take in a body as the webhook does: each alert begins a job for a guest of its own, unless it is a repeat."""
    names = [f"{body}-{number}" for number in range(alerts)]
    with store.intake() as tx:
        tx.expect((name, NOW) for name in names)
        for number, name in enumerate(names):
            found = tx.episode(name, NOW)
            history = tx.history(NOW, found.id if found else None)
            assert (history.episode_jobs, history.episode_live) == ((1, True) if found else (0, False))
            tx.put_episode(found or episode(name, fingerprint=name, starts_at=NOW))
            if found is None:
                vmid = 100 * body + number
                tx.add_job(job(name, replace(ORDER, vmid=vmid), vmid=vmid, episode_id=name), "begun")


def test_a_body_with_more_alerts_than_a_statement_takes_values(database: str) -> None:
    """However long a body is, each of its alerts is found again."""
    with opened(database) as store:
        take_in(store, 10, 1203)
        take_in(store, 10, 1203)

        assert len(store.episodes(limit=9999)) == len(store.jobs(limit=9999)) == 1203


def test_an_episode_with_hostile_text_is_found_again(database: str) -> None:
    """A fingerprint that no database holds as it is makes no second episode."""
    with opened(database) as store:
        for own_id in ("e1", "e2"):
            receive(store, fingerprint="a\ud800b\0c", own_id=own_id)

        assert [each.id for each in store.episodes()] == ["e1"]


def test_an_error_in_the_middle_of_a_body_undoes_all_of_it(database: str) -> None:
    """Either every alert of a body is on disk, or none: the retry finds nothing half done."""
    with opened(database) as store:

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
from tests.actuator.adapters.stores import episode, opened, receive
from tests.actuator.policy.samples import job

with opened(sys.argv[1]) as store:
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
def test_what_was_answered_survives_kill_9_and_nothing_else_does(database: str, where: str) -> None:
    """Killed right after an intake returned, or within the next: the first is there whole, the second not at all."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, database, where], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.kill()

    with opened(database) as store:
        assert [each.id for each in store.live_jobs()] == ["j1"]
        assert [each.id for each in store.episodes()] == ["j1"]
        assert len(store.events("j1")) == 1
        assert receive(store, own_id="j3") is Reason.DUPLICATE_EPISODE, "Alertmanager's retry is harmless"
        add(store, job("j2", replace(ORDER, vmid=101)))
