"""A target that seems ready and is not: what fails at first is tried again while it has only just got up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.jobs import Failure, JobState
from actuator.workflow.timing import Timing
from deploy.lab.faults import Answer
from deploy.lab.plan import BootTimes, TokenPlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import Bench
from tests.actuator.workflow.plans import awake

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

BLIND = TokenPlan(
    "low@pve",
    "few",
    "77777777-0000-0000-0000-000000000000",
    {"/": frozenset({"Sys.Audit", "VM.Audit", "VM.Migrate"})},
)
NOT_STARTED = "online migrate failure - remote command failed with exit code 255"


def late_storages(seconds: float) -> Plan:
    """The token may not see storages, which come up so long after the API: nothing tells that they lack."""
    return replace(two_nodes(boot=BootTimes(storages=seconds)), tokens=(BLIND,))


def test_a_woken_target_is_tried_again_for_as_long_as_it_may_take(tmp_path: Path) -> None:
    """However many attempts that takes, and each is a look in full."""
    with Bench(tmp_path, late_storages(45), timing=Timing(ready_timeout_seconds=60)) as bench:
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        assert len(bench.migrations) == job.checkpoint.attempts > 5
        assert any(NOT_STARTED in message for message in bench.messages(job.id))
        looks = [each for each in bench.sent("GET", "/migrate") if each.path.endswith("/100/migrate")]
        assert len(looks) >= len(bench.migrations)


def test_a_woken_target_that_never_takes_it(tmp_path: Path) -> None:
    """After the patience with it the failure has Proxmox's cause, how often it was tried, and where the guest is."""
    with Bench(tmp_path, late_storages(1e6)) as bench:
        job = bench.run(bench.order())

        assert job.failure is Failure.MIGRATION_FAILED
        for words in (
            NOT_STARTED,
            "Guest 100 stayed on pve2 (running).",
            f"It was tried {len(bench.migrations)} times.",
        ):
            assert words in job.message
        ready_at = max(job.checkpoint.stages.values())
        assert bench.now - ready_at >= bench.timing.ready_timeout_seconds


def test_a_target_that_somebody_else_has_just_switched_on(tmp_path: Path) -> None:
    """Its uptime tells that it is as new as one that was woken."""
    with Bench(tmp_path, late_storages(15)) as bench:
        bench.lab.power_on("pve")
        bench.pass_time(6)
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        assert bench.lab.packets == 0
        assert len(bench.migrations) > 1


def test_a_target_that_has_long_been_up_is_not_tried_again(tmp_path: Path) -> None:
    """There the same words mean something that lasts."""
    with Bench(tmp_path, awake(two_nodes())) as bench:
        bench.pass_time(1000)
        bench.lab.spoil_next_migration("problems, stays")
        body = f'{{"data":[{{"n":1,"t":"2025-01-04 00:34:42 ERROR: {NOT_STARTED}"}}],"total":1}}'
        bench.lab.faults.add(Answer("GET", "/nodes/*/log", times=None, status=200, reason="OK", body=body))

        job = bench.run(bench.order())

        assert job.failure is Failure.MIGRATION_FAILED
        assert NOT_STARTED in job.message
        assert len(bench.migrations) == 1
