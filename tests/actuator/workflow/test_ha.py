"""A guest under HA: the request is queued at once, the migration follows later, or never."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import Failure, JobState
from deploy.lab.faults import Drop
from deploy.lab.plan import MigrationTimes
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import Bench

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


def test_the_childs_failure_is_the_jobs(bench: Bench) -> None:
    """HA's migration that fails is told with its own cause, although the request's task ended well."""
    bench.lab.spoil_next_migration("problems, stays")

    job = bench.run(bench.order())

    assert job.failure is Failure.MIGRATION_FAILED
    assert "VM quit/powerdown failed" in job.message
