"""The leader's loop, in its threads and by the real clock, against a lab that lives faster."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from actuator.adapters.leadership import Leadership
from actuator.policy.jobs import JobState
from actuator.workflow.timing import Timing
from deploy.lab.clock import RunningClock
from deploy.lab.faults import Hang
from tests.actuator.workflow.bench import ORDER, WAKE, Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actuator.adapters.store import Store
    from actuator.policy.jobs import Job


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The original experiment, at twenty times the speed."""
    with Bench(tmp_path, clock=RunningClock(speed=20), timing=Timing(poll_seconds=0.05)) as made:
        yield made


class Asking(Leadership):
    """Leadership that tells when it was refused for the second time."""

    def __init__(self, store: Store, lock_path: Path) -> None:
        super().__init__(store, lock_path)
        self.refused_twice = threading.Event()
        self._refused = 0

    def acquire(self) -> int | None:
        """Ask for the lead."""
        epoch = super().acquire()
        self._refused += epoch is None
        if self._refused >= 2:
            self.refused_twice.set()
        return epoch


def over(job: Job) -> bool:
    """Whether nothing is left to do."""
    return not job.live


def test_a_job_in_the_store_is_done(bench: Bench) -> None:
    """A runner finds what was there before it started, and what it is told of later."""
    before = bench.order(WAKE)
    runner = bench.new_runner()
    runner.start()
    assert bench.wait_for(before, over).state is JobState.SUCCEEDED
    after = bench.order()
    runner.notify()

    job = bench.wait_for(after, over)

    assert job.state is JobState.SUCCEEDED, job.message
    assert len(bench.migrations) == 1
    assert bench.figures.leads == [True]


def test_the_packet_leaves_at_once(bench: Bench) -> None:
    """From the notification to the magic packet nothing is waited for."""
    runner = bench.new_runner()
    runner.start()
    with bench.figures.changed:
        assert bench.figures.changed.wait_for(lambda: bool(bench.figures.leads), 30)
    bench.order()
    runner.notify()

    bench.lab.wait_until(lambda: bench.lab.packets > 0)


def test_stopping_leaves_a_job_that_can_be_resumed(bench: Bench, tmp_path: Path) -> None:
    """A runner stopped in the middle gives up the lead; the next one takes the job to its end."""
    job_id = bench.order()
    first = bench.new_runner()
    first.start()
    bench.wait_for(job_id, lambda job: job.state is JobState.AWAITING_READY)
    first.stop()
    assert not first.alive
    assert bench.figures.leads == [True, False]
    assert bench.job(job_id).live

    bench.leadership = Leadership(bench.open_store(), tmp_path / "leader.lock")
    second = bench.new_runner()
    second.start()

    assert bench.wait_for(job_id, over).state is JobState.SUCCEEDED
    assert len(bench.migrations) == 1


def test_who_does_not_lead_waits(bench: Bench, tmp_path: Path) -> None:
    """While another process leads nothing is done; when it is gone the work begins."""
    bench.leadership.release()
    bench.leadership = asking = Asking(bench.store, tmp_path / "leader.lock")
    runner = bench.new_runner()
    other = Leadership(bench.open_store(), tmp_path / "leader.lock")
    assert other.acquire() is not None
    job_id = bench.order()
    runner.start()
    assert asking.refused_twice.wait(30)
    assert runner.alive
    assert bench.job(job_id).state is JobState.QUEUED
    other.release()

    assert bench.wait_for(job_id, over).state is JobState.SUCCEEDED


def test_who_loses_the_lead_stands_by_and_takes_it_again(bench: Bench) -> None:
    """A write refused to an older epoch ends the lead, told once; free again, it is taken, and the job done."""
    job_id = bench.order()
    runner = bench.new_runner()
    with capture_logs() as logs:
        runner.start()
        bench.wait_for(job_id, lambda job: job.state is JobState.AWAITING_READY)
        epoch = bench.store.next_epoch()
        assert bench.wait_for(job_id, over).state is JobState.SUCCEEDED

    assert runner.alive
    assert bench.figures.leads == [True, False, True]
    assert [entry["epoch"] for entry in logs if entry["event"] == "runner.leadership_lost"] == [epoch - 1]
    assert bench.leadership.epoch == epoch + 1
    assert len(bench.migrations) == 1


def test_what_another_process_wrote_is_noticed(bench: Bench) -> None:
    """A job that came in at a replica that stands by is begun without anybody telling the leader."""
    runner = bench.new_runner()
    runner.start()
    with bench.figures.changed:
        assert bench.figures.changed.wait_for(lambda: bool(bench.figures.leads), 30)

    job_id = bench.order()  # and no notification

    assert bench.wait_for(job_id, over).state is JobState.SUCCEEDED


def test_a_hanging_proxmox_holds_up_its_own_job_only(bench: Bench) -> None:
    """While one job's request hangs another is queued, told why it waits, and cancelled."""
    hang = bench.lab.faults.add(Hang("GET", "/cluster/status", times=None))
    stuck = bench.order()
    runner = bench.new_runner()
    runner.start()
    assert hang.arrived.wait(30)
    waiting = bench.order(WAKE)
    runner.notify()
    bench.wait_for_message(waiting, "Waits until another job with node pve is over.")
    bench.store.request_cancel(waiting, "Not needed.", time.time())
    runner.notify()
    bench.wait_for_message(waiting, "Cancelled before a migration was asked for.")
    assert bench.job(stuck).state is JobState.PREFLIGHT
    assert len(bench.sent("GET", "/cluster/status")) == 1, "a job under way was ticked once more"
    hang.release()

    assert bench.wait_for(stuck, over).state is JobState.SUCCEEDED


def test_a_storm_of_jobs_is_worked_off_one_by_one(bench: Bench) -> None:
    """Many queued jobs are each told once what they wait for, and none is forgotten."""
    storm = [bench.order(replace(WAKE, requested_by=f"alert {number}")) for number in range(60)]
    runner = bench.new_runner()
    runner.start()

    ended = [bench.wait_for(job_id, over) for job_id in storm]

    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    waits = [sum("Waits" in message for message in bench.messages(job_id)) for job_id in storm]
    assert max(waits) <= 1
    assert bench.lab.packets == 3


def test_a_pause_is_seen(bench: Bench) -> None:
    """Paused before the start nothing begins; with the end of the pause it does."""
    bench.store.pause("maintenance", time.time())
    job_id = bench.order(ORDER)
    runner = bench.new_runner()
    runner.start()
    bench.wait_for_message(job_id, "Paused: maintenance.")
    bench.store.resume(time.time())
    runner.notify()

    assert bench.wait_for(job_id, over).state is JobState.SUCCEEDED


@pytest.mark.parametrize("successor", [True, False])
def test_a_tick_that_outlives_its_runner_asks_for_nothing(bench: Bench, tmp_path: Path, *, successor: bool) -> None:
    """A look that hangs past the stop keeps the lead; whenever it ends, no migration follows from it."""
    first = bench.new_runner()
    job_id = bench.order()
    looks = [bench.lab.faults.add(Hang("GET", "/nodes/*/tasks")) for _ in range(2)]
    first.start()
    assert looks[0].arrived.wait(30)
    looks[0].release()
    assert looks[1].arrived.wait(30)
    assert bench.job(job_id).checkpoint.known_upids is not None

    assert not first.stop(0.1)
    other = Leadership(bench.open_store(), tmp_path / "leader.lock")
    assert other.acquire() is None
    if successor:  # as if the lock had fallen all the same
        bench.store.next_epoch()
    looks[1].release()

    assert first.stop(30)
    assert bench.sent("POST", "/migrate") == []
    assert other.acquire() is not None
    other.release()


def test_a_runner_that_never_started_stops(bench: Bench) -> None:
    """Stopping is always possible."""
    runner = bench.new_runner()

    assert runner.stop()

    assert not runner.alive
