"""The whole way in the original experiment's cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import JobState, Outcome
from actuator.policy.reasons import Reason
from tests.actuator.workflow.bench import WAKE

if TYPE_CHECKING:
    from tests.actuator.workflow.bench import Bench


def test_the_guest_moves_to_a_node_that_was_asleep(bench: Bench) -> None:
    """Without quorum at first: the target is woken, gets ready, the guest is moved once and proven to run there."""
    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED, job.message
    assert bench.lab.guest(100).node == "pve"
    assert (job.vmid, job.source, job.target, job.guest_node) == (100, "pve2", "pve", "pve")
    assert len(bench.migrations) == 1
    assert bench.lab.packets >= 3


def test_its_cost_is_known_and_reported(bench: Bench) -> None:
    """Downtime and duration of the task's log reach the job and the figures; each step is timed, the wake too."""
    job = bench.run(bench.order())

    assert job.checkpoint.outcome == Outcome(0.042, 4.0, 4 * 1024**3)
    assert bench.figures.moves == [(0.042, 4.0)]
    assert [step for step, _ in bench.figures.steps] == [
        "preflight",
        "waking",
        "awaiting_ready",
        "migrating",
        "verifying",
    ]
    assert [wake[:2] for wake in bench.figures.wakes] == [("pve", "magic_packet")]
    assert bench.figures.decisions == [Reason.ACCEPTED]


def test_each_stage_of_the_wake_and_the_arrival_are_told_once(bench: Bench) -> None:
    """Every stage by its seconds since the first request, in order; and from where to where a guest came, and when."""
    job = bench.run(bench.order())

    asked_at = job.checkpoint.asked_at or 0.0
    assert [seconds for _, seconds in bench.figures.stages] == pytest.approx(
        [at - asked_at for at in job.checkpoint.stages.values()], abs=0.001
    )
    assert [stage for stage, _ in bench.figures.stages] == ["answers", "member", "quorate", "api", "storage"]
    assert bench.figures.arrivals == [("pve2", "pve", job.finished_at)]


def test_its_history_tells_the_way(bench: Bench) -> None:
    """Whoever follows the events sees the wake, the stages, the request, its progress and the proof."""
    job = bench.run(bench.order())

    told = "\n".join(bench.messages(job.id))
    for line in (
        "Asked pve to wake",
        "Node pve has joined the cluster.",
        "Node pve is ready.",
        "Asked Proxmox to migrate guest 100 from pve2 to pve.",
        "MiB",
        "Guest 100 runs on pve. It stood still for 42 ms.",
    ):
        assert line in told
    assert list(job.checkpoint.stages) == ["answers", "member", "quorate", "api", "storage"]
    assert sorted(job.checkpoint.stages.values()) == list(job.checkpoint.stages.values())


def test_an_awake_target_is_not_woken(bench: Bench) -> None:
    """No packet is sent to a node that is a member already."""
    bench.lab.power_on("pve")
    bench.pass_time(60)

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert bench.lab.packets == 0
    assert bench.figures.wakes == []
    assert bench.figures.stages == []


def test_an_order_to_wake_ends_when_the_node_is_ready(bench: Bench) -> None:
    """A wake moves nobody and ends at ready, not at the first ping."""
    job = bench.run(bench.order(WAKE))

    assert job.state is JobState.SUCCEEDED
    assert job.message == "Node pve is awake and ready."
    assert bench.sent("POST", "/migrate") == []
    assert bench.lab.quorate
    assert bench.figures.moves == []
    assert bench.figures.arrivals == []


def test_only_what_is_missing_is_done_next_time(bench: Bench) -> None:
    """The same order again finds the guest there and touches nothing."""
    bench.run(bench.order())
    bench.pass_time(3600)

    job = bench.run(bench.order())

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_ALREADY_THERE)
    assert len(bench.migrations) == 1
