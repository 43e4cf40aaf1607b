"""Done is proven."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from actuator.policy.cluster import Guest
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.verify import doubt_about
from deploy.lab.faults import Answer

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


def told_there(times: int | None, **words: str) -> Answer:
    """The target's own word about guest 100."""
    path, body = "/nodes/pve/qemu/100/status/current", json.dumps({"data": {"vmid": 100, **words}})
    return Answer("GET", path, times=times, status=200, reason="OK", body=body)


@pytest.mark.parametrize("state", ["paused", "inmigrate", "stopped"])
def test_the_targets_own_word_is_the_proof(bench: Bench, state: str) -> None:
    """The cluster shows what the source told last, `running`, while the guest stands still on the target."""
    bench.lab.faults.add(told_there(None, status="stopped" if state == "stopped" else "running", qmpstatus=state))

    job = bench.run(bench.order())

    assert (job.state, job.failure) == (JobState.FAILED, Failure.NOT_PROVEN)
    assert f"it is there, but {state} by the word of pve" in job.message
    assert bench.figures.moves == []


def test_a_guest_that_is_about_to_go_on_is_waited_for(bench: Bench) -> None:
    """The last moment of a migration is not taken for a failure."""
    bench.lab.faults.add(told_there(3, status="running", qmpstatus="inmigrate"))

    assert bench.run(bench.order()).state is JobState.SUCCEEDED


def test_a_target_that_tells_nothing_proves_nothing(bench: Bench) -> None:
    """What cannot be asked is told as that; the migration is over, and nobody says that it may be running."""
    path = "/nodes/pve/qemu/100/status/current"
    bench.lab.faults.add(Answer("GET", path, times=None, status=596, reason="Connection timed out"))

    job = bench.run(bench.order())

    assert (job.state, job.failure) == (JobState.FAILED, Failure.NOT_PROVEN)
    assert (
        "Guest 100 was last seen on pve; its migration is over, and whether it runs there is not proven." in job.message
    )


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
