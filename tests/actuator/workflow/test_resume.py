"""Dying at any moment, running twice, losing the lead: never a second migration, nothing lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from actuator.errors import LeadershipLost
from actuator.policy.jobs import JobState
from deploy.lab.faults import Hang

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from tests.actuator.workflow.bench import Bench


def another_process(bench: Bench) -> None:
    """Take over as a process that was started anew: other connections, another epoch, the same database."""
    bench.store = bench.open_store()
    bench.epoch = bench.store.next_epoch()
    bench.proxmox = bench.open_proxmox()
    bench.ticker = bench.new_ticker()


def test_a_process_for_every_tick(bench: Bench) -> None:
    """A process that dies after each single tick still comes to the end, with one migration and no more packets."""
    job_id = bench.order()

    def reborn(_job: Job) -> bool:
        another_process(bench)
        return False

    job = bench.run(job_id, reborn)

    assert job.state is JobState.SUCCEEDED
    assert len(bench.migrations) == len(bench.sent("POST", "/migrate")) == 1
    assert bench.lab.packets == 3


def test_death_between_the_checkpoint_and_the_request(bench: Bench) -> None:
    """Ready to ask, and dead before asking: the next process finds no task and asks."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    assert bench.sent("POST", "/migrate") == []
    another_process(bench)

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert len(bench.sent("POST", "/migrate")) == 1


def test_death_right_after_the_request(bench: Bench) -> None:
    """Asked, carried out, and dead before the answer was written down: the next process finds the task and follows it.

    The old process, come back to life with the answer, may write nothing any more.
    """
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    hang = bench.lab.faults.add(Hang("POST", "/nodes/*/migrate", executed=True))
    old, old_epoch, old_job = bench.ticker, bench.epoch, bench.job(job_id)
    trouble: list[BaseException] = []

    def last_tick() -> None:
        try:
            old.tick(old_job, old_epoch)
        except LeadershipLost as error:
            trouble.append(error)

    dying = threading.Thread(target=last_tick)
    dying.start()
    assert hang.arrived.wait(30)
    another_process(bench)

    job = bench.run(job_id)
    hang.release()
    dying.join(30)

    assert job.state is JobState.SUCCEEDED
    assert [job.checkpoint.upid] == bench.migrations
    assert len(bench.sent("POST", "/migrate")) == 1
    assert len(trouble) == 1
    assert bench.job(job_id) == job


def test_a_tick_that_runs_twice_asks_once(bench: Bench) -> None:
    """The very tick that asks, done again with the same knowledge, finds the task instead of asking again."""
    job_id = bench.order()
    ready_to_ask = bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)

    first = bench.ticker.tick(ready_to_ask, bench.epoch)
    second = bench.ticker.tick(ready_to_ask, bench.epoch)

    assert first.job.checkpoint.upid == second.job.checkpoint.upid
    assert len(bench.sent("POST", "/migrate")) == 1
    assert bench.run(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("state", [JobState.PREFLIGHT, JobState.WAKING, JobState.AWAITING_READY])
def test_every_step_may_run_twice(bench: Bench, state: JobState) -> None:
    """A tick repeated with the same knowledge comes to the same state and does no harm."""
    job_id = bench.order()
    before = bench.run(job_id, state)

    second = [bench.ticker.tick(before, bench.epoch) for _ in range(2)][1]

    assert second.job.state is bench.job(job_id).state
    assert bench.run(job_id).state is JobState.SUCCEEDED
    assert len(bench.migrations) == 1


def test_what_is_over_stays_over(bench: Bench) -> None:
    """A tick with old knowledge of a job that has ended meanwhile changes nothing about its end."""
    job_id = bench.order()
    before = bench.run(job_id, JobState.VERIFYING)
    ended = bench.run(job_id)

    with pytest.raises(ValueError, match="may not go from succeeded"):
        bench.ticker.tick(before, bench.epoch)

    assert bench.job(job_id) == ended


def test_who_lost_the_lead_writes_nothing(bench: Bench) -> None:
    """A tick of an older epoch is refused, loudly, and leaves the job as it was."""
    job_id = bench.order()
    before = bench.run(job_id, JobState.WAKING)
    epoch = bench.epoch
    another_process(bench)

    with pytest.raises(LeadershipLost, match="another process leads"):
        bench.ticker.tick(before, epoch)

    assert bench.job(job_id) == before
