"""What both nodes of a move drew before and after it: on the job, in the figures and in the history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from actuator.errors import LeadershipLost, StoreUnavailable
from actuator.policy.jobs import Checkpoint, JobState, MoveWatts
from actuator.policy.power import Power
from actuator.workflow.follow_up import FollowUp
from actuator.workflow.result import StepResult
from actuator.workflow.watts import with_watts
from tests.actuator.workflow.bench import ORDER

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from tests.actuator.workflow.bench import Bench

BEFORE = {"pve2": 84.5, "pve": 20.0}
AFTER = {"pve2": 31.0, "pve": 61.5}
SETTLE = 90.0


class Meter:
    """What a test lets both nodes draw."""

    def __init__(self) -> None:
        self.watts = dict(BEFORE)

    def power(self) -> Power:
        """One look at it."""
        return Power(node_watts=dict(self.watts))


def moved(bench: Bench, meter: Meter) -> Job:
    """The move of guest 100, made; from then on the nodes draw what they draw after it."""
    bench.ticker = bench.new_ticker(power=meter.power)
    job = bench.run(bench.order())
    assert job.state is JobState.SUCCEEDED, job.message
    meter.watts = dict(AFTER)
    return job


def follow_up(bench: Bench, meter: Meter) -> FollowUp:
    """What takes the second looks, new, as after a restart."""
    return FollowUp(bench.store, lambda: bench.epoch, meter.power, bench.figures, lambda: bench._now)


def test_the_second_look_waits_for_its_time_and_survives_a_restart(bench: Bench) -> None:
    """The job is over at once; its watts come a minute and a half later, though another process takes the look."""
    meter = Meter()
    job = moved(bench, meter)
    follow_up(bench, meter).round()

    assert job.checkpoint.watts == MoveWatts(84.5, 20.0, due_at=bench._now + SETTLE)
    assert bench.job(job.id) == job

    bench.pass_time(SETTLE)
    with capture_logs() as logs:
        follow_up(bench, meter).round()
    done = bench.job(job.id)

    assert done.checkpoint.watts == MoveWatts(84.5, 20.0, 31.0, 61.5, due_at=None, measured_at=bench._now)
    assert done.checkpoint.watts.change == -12.0
    assert (done.state, done.message, done.finished_at) == (job.state, job.message, job.finished_at)
    assert bench.messages(job.id)[-1] == (
        "pve2 drew 84.5 W before the move and 31.0 W after it; pve drew 20.0 W before the move and 61.5 W after it. "
        "Together they draw 12.0 W less than before."
    )
    assert bench.figures.measures == [done.checkpoint.watts]
    assert bench.figures.transfers == [4 * 1024**3]
    [line] = [line for line in logs if line["event"] == "job.measured"]
    assert (line["source_watts_after"], line["downtime_seconds"], line["transferred_bytes"]) == (
        31.0,
        0.042,
        4 * 1024**3,
    )


def test_it_is_taken_once(bench: Bench) -> None:
    """A look that was taken is not taken again."""
    meter = Meter()
    job = moved(bench, meter)
    bench.pass_time(SETTLE)
    follow_up(bench, meter).round()
    meter.watts = dict(BEFORE)
    follow_up(bench, meter).round()

    assert bench.job(job.id).checkpoint.watts.source_after == 31.0  # type: ignore[union-attr]  # seen above
    assert len(bench.figures.measures) == 1


def test_without_prometheus_there_is_no_report(bench: Bench) -> None:
    """When power is unknown before the move, nothing is on the job, ever: a comparison with nothing is none."""
    meter = Meter()
    meter.watts = {}
    job = moved(bench, meter)
    bench.pass_time(SETTLE)
    follow_up(bench, meter).round()

    assert bench.job(job.id).checkpoint.watts is None
    assert bench.figures.measures == []


def test_a_figure_that_is_missing_is_waited_for_and_then_left_out(bench: Bench) -> None:
    """A source that was switched off after the move has no second figure: absent, not 0, and no sum is told."""
    meter = Meter()
    job = moved(bench, meter)
    meter.watts = {"pve": 61.5}
    bench.pass_time(SETTLE)
    follow_up(bench, meter).round()
    waiting = bench.job(job.id)
    bench.pass_time(120)
    follow_up(bench, meter).round()
    watts = bench.job(job.id).checkpoint.watts

    assert waiting == job
    assert watts is not None
    assert (watts.source_after, watts.target_after, watts.change, watts.due_at) == (None, 61.5, None, None)
    assert "pve2 drew 84.5 W before the move and an unknown power after it" in bench.messages(job.id)[-1]
    assert "Together" not in bench.messages(job.id)[-1]


def test_another_move_of_a_node_blurs_its_figure(bench: Bench) -> None:
    """When a node had a part in a later move, its second figure tells of both and is left out."""
    meter = Meter()
    job = moved(bench, meter)
    bench.order(
        replace(ORDER, vmid=101, node="pve", target_node="pve3"),
        state=JobState.MIGRATING,
        source="pve",
        target="pve3",
    )
    bench.pass_time(SETTLE)
    follow_up(bench, meter).round()
    watts = bench.job(job.id).checkpoint.watts

    assert watts is not None
    assert (watts.source_after, watts.target_after) == (31.0, None)
    assert bench.messages(job.id)[-1].endswith("Another move had a part of pve meanwhile, so its watts tell nothing.")


def test_one_that_does_not_lead_writes_nothing(bench: Bench) -> None:
    """A process without the lead leaves the look to the leader; one that lost it without noticing writes nothing."""
    meter = Meter()
    job = moved(bench, meter)
    bench.pass_time(SETTLE)
    FollowUp(bench.store, lambda: None, meter.power, bench.figures, lambda: bench._now).round()
    assert bench.job(job.id) == job

    bench.store.next_epoch()
    with pytest.raises(LeadershipLost):
        follow_up(bench, meter).round()
    assert bench.job(job.id) == job
    assert bench.figures.measures == []


def test_a_look_that_nobody_took_in_time_is_given_up(bench: Bench) -> None:
    """After an outage of hours nothing is due for ever: the job says so, and no figure of today stands for that day."""
    meter = Meter()
    job = moved(bench, meter)
    bench.grow_older(3 * 3600)
    follow_up(bench, meter).round()
    done = bench.job(job.id)

    assert done.checkpoint.watts == MoveWatts(84.5, 20.0)
    assert bench.messages(job.id)[-1] == (
        "What its nodes draw was not looked at within 2 hours after the move, since no actuator led then: what the "
        "move saved is not known."
    )
    assert bench.figures.measures == []
    follow_up(bench, meter).round()
    assert bench.job(job.id) == done


def test_moves_right_behind_each_other_do_not_blur(bench: Bench) -> None:
    """A move's first figures are a mean over a minute, so they are left out while it still tells of the move before.

    What is on the job is then absent, and a node that had no part in that move is shown all the same.
    """
    meter = Meter()
    moved(bench, meter)

    def next_ones() -> MoveWatts | None:
        means = bench.means(power=meter.power)
        checkpoint = replace(Checkpoint(), known_upids=())
        before = bench.job(bench.order(replace(ORDER, node="pve", target_node="pve3"), source="pve", target="pve3"))
        asks = replace(before, state=JobState.MIGRATING, checkpoint=checkpoint)
        watts = with_watts(before, StepResult(asks), means, bench.now).job.checkpoint.watts
        bench.store.request_cancel(before.id, "x", bench.now)
        bench.tick(before.id)
        return watts

    meter.watts["pve3"] = 12.0
    assert next_ones() == MoveWatts(None, 12.0)
    bench.grow_older(76)
    assert next_ones() == MoveWatts(61.5, 12.0)


def test_the_thread_goes_on_after_a_database_that_fails(bench: Bench) -> None:
    """What the leader's thread cannot do in one round it does in a later one; it ends when told."""
    meter = Meter()
    looks: list[int] = []
    job = moved(bench, meter)
    bench.pass_time(SETTLE)

    def epoch() -> int:
        looks.append(len(looks))
        if len(looks) == 1:
            raise StoreUnavailable("the database is busy")
        return bench.epoch

    thread = FollowUp(bench.store, epoch, meter.power, bench.figures, lambda: bench._now, interval=0.01)
    thread.start()
    try:
        done = bench.wait_for(
            job.id, lambda job: job.checkpoint.watts is not None and job.checkpoint.watts.due_at is None
        )
    finally:
        thread.stop(30)

    assert done.checkpoint.watts is not None
    assert done.checkpoint.watts.source_after == 31.0
    assert not thread._thread.is_alive()
