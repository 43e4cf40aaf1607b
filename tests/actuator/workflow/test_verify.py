"""Done is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.policy.cluster import Guest
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.verify import doubt_about

if TYPE_CHECKING:
    from tests.actuator.workflow.bench import Bench

ARRIVED = Guest(100, "qemu", "pve", "running")


@pytest.mark.parametrize("ha_state", [None, "started", "ignored"])
def test_a_guest_that_runs_on_the_target(ha_state: str | None) -> None:
    """Running there, unlocked, and under HA started: no doubt is left."""
    assert doubt_about(Guest(100, "qemu", "pve", "running", ha_state=ha_state), "pve") is None


@pytest.mark.parametrize(
    ("guest", "words"),
    [
        (None, "not in the cluster"),
        (Guest(100, "qemu", "pve2", "running"), "on pve2 (running)"),
        (Guest(100, "qemu", "pve", "running", lock="migrate"), "locked (migrate)"),
        (Guest(100, "qemu", "pve", "stopped"), "there, but stopped"),
        (Guest(100, "qemu", "pve", "unknown"), "there, but unknown"),
        (Guest(100, "qemu", "pve", "running", ha_state="error"), "HA state is error"),
        (Guest(100, "qemu", "pve", "running", ha_state="migrate"), "HA state is migrate"),
    ],
)
def test_anything_less_is_in_doubt(guest: Guest | None, words: str) -> None:
    """What is not as it should be is named."""
    assert words in (doubt_about(guest, "pve") or "")


def test_a_lock_left_behind_is_no_proof(bench: Bench) -> None:
    """A task that ended well with the guest still locked proves nothing; after some time that is the failure."""
    job_id = bench.order()
    bench.run(job_id, JobState.VERIFYING)
    bench.lab.set_lock(100, "migrate")

    job = bench.run(job_id)

    assert (job.state, job.failure) == (JobState.FAILED, Failure.NOT_PROVEN)
    assert "locked (migrate)" in job.message
    assert job.guest_node == "pve"
    assert bench.figures.moves == []


def test_statistics_that_lag_are_waited_for(bench: Bench) -> None:
    """What is not yet shown as it is gets its time."""
    job_id = bench.order()
    bench.run(job_id, JobState.VERIFYING)
    bench.lab.set_lock(100, "migrate")
    for _ in range(10):
        bench.pass_time(bench.tick(job_id).after)
    assert bench.job(job_id).state is JobState.VERIFYING
    bench.lab.set_lock(100, None)

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_guest_that_went_back(bench: Bench) -> None:
    """A guest that somebody, or HA's failback, moved again is not on the target: it is said where it is."""
    job_id = bench.order()
    bench.run(job_id, JobState.VERIFYING)
    bench.lab.place(100, "pve2")

    job = bench.run(job_id)

    assert job.failure is Failure.NOT_PROVEN
    assert "on pve2" in job.message
    assert job.guest_node == "pve2"
