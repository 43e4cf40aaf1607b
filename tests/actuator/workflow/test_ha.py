"""A guest under HA: the request is queued at once, the migration follows later, or never."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from deploy.lab.faults import Answer, Drop
from deploy.lab.plan import MigrationTimes
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import PATIENCE, RULES, Bench
from tests.actuator.workflow.plans import awake, with_guest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The original experiment with guest 100 under HA."""
    plan = two_nodes(migration=MigrationTimes(ha_round=20.0))
    with Bench(tmp_path, replace(plan, guests=(replace(plan.guests[0], ha=True),))) as made:
        yield made


def test_the_request_is_followed_through_to_the_migration(bench: Bench) -> None:
    """That the request is queued is no success: the migration that HA makes of it is followed and proven."""
    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert [task.type for task in bench.lab.tasks] == ["hamigrate", "qmigrate"]
    assert [job.checkpoint.upid] == bench.migrations
    assert job.checkpoint.outcome is not None
    assert job.checkpoint.outcome.downtime_seconds == 0.042
    assert "ha" in job.checkpoint.stages
    told = bench.messages(job.id)
    assert told.index("HA has queued the migration.") < told.index("HA has begun the migration.")


def test_a_lost_answer_asks_ha_once(bench: Bench) -> None:
    """The answer to the request is lost: HA's task is found, and HA is asked no second time."""
    bench.lab.faults.add(Drop("POST", "/nodes/*/migrate", executed=True))

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert [task.type for task in bench.lab.tasks] == ["hamigrate", "qmigrate"]


def test_a_request_that_ha_drops_silently(bench: Bench) -> None:
    """HA that does nothing about the request is not waited for without end; the guest stayed, and is said to have."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.message == "HA has queued the migration.")
    bench.lab.power_off("pve")
    bench.pass_time(20)
    bench.lab.power_on("pve")

    job = bench.run(job_id)

    assert job.failure is Failure.MIGRATION_FAILED
    assert "ha-manager status" in job.message
    assert "Guest 100 is on pve2" in job.message
    assert bench.migrations == []


NO_TASKS = Answer("GET", "/nodes/*/tasks", times=None, status=200, reason="OK", body='{"data":[],"total":0}')


def test_ha_that_is_at_it_is_given_the_time_of_a_migration(bench: Bench) -> None:
    """It says that the service migrates, and its task is not listed yet: that is more than a request it forgot."""
    bench.lab.spoil_next_migration("stalls")
    job_id = bench.order()
    bench.run(job_id, lambda job: job.message == "HA has queued the migration.")
    hidden = bench.lab.faults.add(replace(NO_TASKS))
    for _ in range(100):
        bench.pass_time(bench.tick(job_id).after)
    assert bench.job(job_id).state is JobState.MIGRATING
    hidden.times = 0
    bench.tick(job_id)

    assert [bench.job(job_id).checkpoint.upid] == bench.migrations


def test_ha_that_is_at_it_for_too_long(tmp_path: Path) -> None:
    """After that time nothing is proven, and the service's state is told."""
    timing = replace(PATIENCE, migration_timeout_seconds=60)
    with Bench(tmp_path, awake(with_guest(ha=True)), timing=timing) as bench:
        bench.lab.spoil_next_migration("stalls")
        job_id = bench.order()
        bench.run(job_id, lambda job: job.message == "HA has queued the migration.")
        bench.lab.faults.add(replace(NO_TASKS))

        job = bench.run(job_id)

        assert job.failure is Failure.NOT_PROVEN
        assert "its service vm:100 is to migrate" in job.message


def test_the_childs_failure_is_the_jobs(bench: Bench) -> None:
    """HA's migration that fails is told with its own cause, although the request's task ended well."""
    bench.lab.spoil_next_migration("problems, stays")

    job = bench.run(bench.order())

    assert job.failure is Failure.MIGRATION_FAILED
    assert "VM quit/powerdown failed" in job.message


def test_a_service_in_error_wakes_nobody(bench: Bench) -> None:
    """HA has given up on the guest: told before anything is woken for it."""
    bench.lab.set_ha_error(100)

    job = bench.run(bench.order())

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.HA_SERVICE_ERROR)
    assert bench.lab.packets == 0


def test_a_disarmed_stack_wakes_nobody(bench: Bench) -> None:
    """HA that was disarmed moves nothing; told before anything is woken."""
    bench.lab.arm_ha(armed=False)

    job = bench.run(bench.order())

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.HA_DISARMED)
    assert bench.lab.packets == 0


def test_disarmed_after_the_request(bench: Bench) -> None:
    """Waiting cannot help: the job ends at once, with the cause."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.message == "HA has queued the migration.")
    bench.lab.arm_ha(armed=False)

    bench.tick(job_id)

    job = bench.job(job_id)
    assert job.failure is Failure.MIGRATION_FAILED
    assert "HA is disarmed and moves nothing" in job.message


@pytest.mark.parametrize("allowed", [False, True])
def test_rebalancing_is_named(tmp_path: Path, *, allowed: bool) -> None:
    """A cluster that rebalances by itself may undo the move: refused by name unless the operator allows it."""
    plan = replace(awake(with_guest(ha=True)), crs={"ha": "dynamic", "ha-auto-rebalance": 1})
    with Bench(tmp_path, plan, rules=replace(RULES, allow_ha_rebalancing=allowed)) as bench:
        assert bench.proxmox.cluster_options().ha_rebalancing

        job = bench.run(bench.order())

        assert job.state is (JobState.SUCCEEDED if allowed else JobState.SKIPPED)
        assert job.reason is (Reason.ACCEPTED if allowed else Reason.HA_REBALANCING)
        assert any("HA rebalances by itself" in message for message in bench.messages(job.id))


@pytest.mark.parametrize(("balanced", "reason"), [(False, Reason.ACCEPTED), (True, Reason.HA_REBALANCING)])
def test_a_guest_that_rebalancing_leaves_alone_may_move(tmp_path: Path, reason: Reason, *, balanced: bool) -> None:
    """One HA resource can be kept out of it: its move is not undone, and the decision says so."""
    plan = replace(awake(with_guest(ha=True, auto_rebalance=balanced)), crs={"ha-auto-rebalance": 1})
    with Bench(tmp_path, plan) as bench:
        job = bench.run(bench.order())

        assert job.reason is reason
        told = "ha-manager set vm:100 --auto-rebalance 0" if balanced else "but leaves vm:100 where it is"
        assert any(told in message for message in bench.messages(job.id))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"apart_from": (101,)}, "apart from vm:101 on pve"),
        ({"together_with": (101,)}, "would move vm:101 along"),
        ({"bound_to": ("pve2",)}, "does not let guest 100 stay on pve"),
    ],
    ids=["kept apart", "kept together", "bound to a node"],
)
def test_affinity_is_named(tmp_path: Path, rule: dict[str, object], words: str) -> None:
    """HA takes the request and drops it, or moves more than it was asked to: neither is asked for."""
    plan = awake(with_guest(ha=True, **rule))
    other = replace(plan.guests[0], vmid=101, node="pve", tags=(), apart_from=(), together_with=(), bound_to=())
    with Bench(tmp_path, replace(plan, guests=(*plan.guests, other))) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.HA_AFFINITY)
        assert words in job.message
        assert bench.sent("POST", "/migrate") == []


def test_a_service_that_ha_places_elsewhere_is_not_proven(bench: Bench) -> None:
    """The cluster shows the guest where it should be, and HA's own manager another node: it would move it back."""
    body = (
        '{"data":[{"type":"service","id":"service:vm:100","sid":"vm:100","node":"pve2","state":"started",'
        '"crm_state":"started","status":"vm:100 (pve2, started)"}]}'
    )
    job_id = bench.order()
    bench.run(job_id, JobState.VERIFYING)
    bench.lab.faults.add(Answer("GET", "/cluster/ha/status/current", times=None, status=200, reason="OK", body=body))

    job = bench.run(job_id)

    assert job.failure is Failure.NOT_PROVEN
    assert "to HA its service is started on pve2" in job.message
