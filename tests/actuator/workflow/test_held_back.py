"""What holds a job back after it was accepted: breaker, pause, mode, a lost lead, a move that was given up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.errors import LeadershipLost
from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode
from deploy.lab.faults import Drop, Hang
from tests.actuator.adapters.stores import quarantine
from tests.actuator.workflow.bench import RULES, WAKE, Bench
from tests.actuator.workflow.test_ticking import move, pairs

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.workflow.result import StepResult


def during(bench: Bench, job_id: str, hang: Hang, meanwhile: object) -> StepResult:
    """Tick; while a call to Proxmox hangs, something else happens."""
    bench.lab.faults.add(hang)
    with ThreadPoolExecutor(1) as pool:
        ticking = pool.submit(bench.tick, job_id)
        assert hang.arrived.wait(60)
        meanwhile()  # type: ignore[operator]  # a function of the test's
        hang.release()
        return ticking.result(60)


def test_the_breaker_stops_what_is_queued(tmp_path: Path) -> None:
    """Jobs that were accepted before it opened are not begun either: nothing new is begun."""
    with pairs(tmp_path, limit=4) as bench:
        waiting = bench.order(move(101, "n3", "n1"))
        for _ in range(RULES.breaker_failures):
            job = bench.job(bench.order(replace(WAKE, target_node="n1")))
            over = replace(job, state=JobState.FAILED, failure=Failure.INTERNAL, finished_at=bench.now)
            bench.store.save(over, epoch=bench.epoch, message="failed")
        bench.ticker.refresh()
        job = bench.run(waiting)

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.BREAKER_OPEN)
        assert bench.migrations == []


def test_a_pause_during_the_last_look_holds_the_request_back(bench: Bench) -> None:
    """The operator was told that work is paused: whatever hung meanwhile, nothing is asked for after that."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    during(bench, job_id, Hang("GET", "/nodes/*/qemu/*/migrate"), lambda: bench.store.pause("rack work", bench.now))
    for _ in range(4):
        bench.pass_time(bench.tick(job_id).after)
    assert bench.migrations == []

    bench.store.resume(bench.now)
    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_job_of_yesterday_does_nothing_in_observe(bench: Bench) -> None:
    """Started anew with ``mode: observe``, the actuator touches nothing, whatever it had decided before."""
    job_id = bench.order()
    bench.run(job_id, JobState.WAKING)
    bench.rules = replace(bench.rules, mode=Mode.OBSERVE)
    bench.ticker = bench.new_ticker()
    job = bench.run(job_id)

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.OBSERVE_ONLY)
    assert bench.migrations == []


def test_who_lost_the_lead_lifts_no_quarantine(tmp_path: Path) -> None:
    """Its look is from before the heir's decision."""
    with Bench(tmp_path) as bench:
        bench.lab.power_on("pve")
        bench.pass_time(120)
        job_id = bench.order()
        bench.run(job_id, JobState.PREFLIGHT)
        quarantine(bench.store, "pve", "never woke", bench.now)

        def take_over() -> None:
            bench.store.next_epoch()

        with pytest.raises(LeadershipLost):
            during(bench, job_id, Hang("GET", "/cluster/*"), take_over)

        assert bench.store.history(bench.now).quarantined == {"pve": "never woke"}


def test_a_migration_that_was_given_up_keeps_its_nodes(tmp_path: Path) -> None:
    """Nobody follows it any more, but it may run: the next with one of its nodes waits for its lock to end."""
    with pairs(tmp_path, limit=4) as bench:
        for name in ("n1", "n2"):
            bench.lab.power_on(name)
        bench.pass_time(200)
        first = bench.order(move(101, "n3", "n1"))
        bench.run(first, lambda job: job.checkpoint.upid is not None)
        bench.lab.faults.add(Drop("GET", "*", times=None))
        while bench.job(first).live:
            bench.grow_older(bench.tick(first).after)  # the migration itself takes its time
        assert bench.job(first).failure is not None
        bench.lab.faults.clear()
        second = bench.order(move(103, "n3", "n2"))
        for _ in range(6):
            bench.grow_older(bench.tick(second).after)

        assert [task.id for task in bench.lab.tasks if task.type == "qmigrate"] == ["101"]
        bench.pass_time(120)
        assert bench.run(second).state is JobState.SUCCEEDED


def test_history_tells_when_things_happened(bench: Bench) -> None:
    """A call that took half a minute is told with the time at its end: an export of that time has it."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    bench.tick(job_id)
    during(bench, job_id, Hang("POST", "/nodes/*/qemu/*/migrate"), lambda: bench.grow_older(30))

    assert bench.store.events(job_id)[-1].at == bench.now


def test_what_was_cancelled_in_time_is_no_move(bench: Bench) -> None:
    """Its guest neither rests nor counts against its daily limit."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    bench.store.request_cancel(job_id, "Cancelled.", bench.now)
    assert bench.run(job_id).state is JobState.CANCELLED

    history = bench.store.history(bench.now)
    assert (history.last_moved_at, history.moves_last_day) == ({}, {})
