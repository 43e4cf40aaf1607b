"""Orders that could not be begun for so long that they may hold no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.policy.episodes import Episode
from actuator.policy.jobs import JobState
from actuator.policy.reasons import Reason
from tests.actuator.workflow.bench import RULES, WAKE

if TYPE_CHECKING:
    from tests.actuator.workflow.bench import Bench

TOO_LONG = RULES.alert_max_age_seconds + 1


def episode(bench: Bench, last_seen_at: float) -> Episode:
    """An alert that still fires."""
    return Episode(
        id="e1",
        fingerprint="0123456789abcdef",
        starts_at=bench.now,
        alertname="NodePowerHigh",
        first_seen_at=bench.now,
        last_seen_at=last_seen_at,
        resolved_at=None,
        reason=Reason.ACCEPTED,
        message="Accepted.",
    )


def by_alert(bench: Bench) -> str:
    """A job of an alert."""
    with bench.store.intake() as intake:
        intake.put_episode(episode(bench, bench.now))
    return bench.order(episode_id="e1")


def held(bench: Bench, job_id: str, seconds: float) -> None:
    """Pause for so long."""
    bench.store.pause("rack work", bench.now)
    bench.tick(job_id)
    bench.grow_older(seconds)
    bench.store.resume(bench.now)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.PREFLIGHT, JobState.WAKING])
def test_an_alert_of_long_ago_moves_nothing(bench: Bench, state: JobState) -> None:
    """A pause that took longer than an alert holds, before anything was done for it: nobody is woken or moved."""
    job_id = by_alert(bench)
    bench.run(job_id, state)
    held(bench, job_id, TOO_LONG)

    job = bench.run(job_id)

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.STALE_ALERT)
    assert "limits.alert_max_age_seconds" in job.message
    assert bench.lab.packets == 0


def test_an_alert_that_was_repeated_holds(bench: Bench) -> None:
    """Alertmanager has told it again during the pause, so it is as good as new."""
    job_id = by_alert(bench)
    held(bench, job_id, TOO_LONG)
    with bench.store.intake() as intake:
        intake.put_episode(episode(bench, bench.now - 60))

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_what_was_begun_goes_on(bench: Bench) -> None:
    """With the node asked to wake, a long pause is no reason to leave it running for nothing."""
    job_id = by_alert(bench)
    bench.run(job_id, lambda job: job.checkpoint.asked_at is not None)
    held(bench, job_id, TOO_LONG)

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_an_order_by_hand_holds_for_a_day(bench: Bench) -> None:
    """A queue of long migrations may take that; what is older was forgotten, and says how long it holds."""
    job_id = bench.order(WAKE)
    held(bench, job_id, 86400)
    old = bench.order()
    assert bench.run(job_id).state is JobState.SUCCEEDED
    held(bench, old, 86401)

    job = bench.run(old)

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.STALE_ALERT)
    assert "86400 s" in job.message
