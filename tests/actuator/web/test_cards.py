"""What is shown of nodes and jobs, as plain decisions."""

from __future__ import annotations

import pytest

from actuator.api.nodes import NodesAnswer, NodeView, WakeView
from actuator.api.pages.job_cards import job_card
from actuator.api.pages.node_cards import NodeState, node_cards, total_watts
from actuator.api.pages.timeline import Standing, rough_steps, steps
from actuator.policy.jobs import Checkpoint, Failure, Job, JobEvent, JobState, Progress
from tests.actuator.policy import samples

ASLEEP = WakeView(configured=True)
NOW = samples.NOW


def node(**changes: object) -> NodeView:
    """A node that is on, with changes."""
    facts: dict[str, object] = {
        "name": "pve",
        "online": True,
        "ha_state": None,
        "watts": None,
        "threshold_watts": None,
        "quarantined": None,
        "wake": None,
        "guests": [],
    }
    return NodeView.model_validate(facts | changes)


def seen(*nodes: NodeView) -> NodesAnswer:
    """One look at these."""
    return NodesAnswer(quorate=True, error=None, nodes=list(nodes))


@pytest.mark.parametrize(
    ("changes", "waking", "state"),
    [
        ({}, False, NodeState.ON),
        ({"quarantined": "x"}, True, NodeState.ON),
        ({"online": False, "wake": ASLEEP}, False, NodeState.ASLEEP),
        ({"online": False}, False, NodeState.OFF),
        ({"online": False, "wake": ASLEEP, "quarantined": "x"}, False, NodeState.QUARANTINED),
        ({"online": False, "wake": ASLEEP, "quarantined": "x"}, True, NodeState.WAKING),
        ({"online": None}, False, NodeState.UNKNOWN),
        ({"online": None, "quarantined": "x"}, False, NodeState.QUARANTINED),
        ({"online": None}, True, NodeState.WAKING),
    ],
)
def test_what_a_node_is_up_to(changes: dict[str, object], waking: bool, state: NodeState) -> None:  # noqa: FBT001
    """That it is on is beyond doubt; a wake under way says more than a quarantine, and that more than not knowing."""
    running = [samples.job(state=JobState.WAKING, target="pve")] if waking else []
    [card] = node_cards(seen(node(**changes)), running)

    assert card.state is state
    assert card.wakeable is (state is NodeState.ASLEEP)


def test_a_meter_needs_both_figures() -> None:
    """There is none without watts or without a threshold; at the threshold itself nothing is over."""
    cards = node_cards(
        seen(
            node(watts=90.0, threshold_watts=90.0),
            node(watts=90.1, threshold_watts=90.0),
            node(watts=90.0),
            node(threshold_watts=90.0),
            node(watts=1.0, threshold_watts=0.0),
        ),
        [],
    )

    assert [card.meter and card.meter.over for card in cards] == [False, True, None, None, None]


def test_the_sum_counts_what_is_known() -> None:
    """A node that nothing is known of is no 0 in the sum, and of none the sum is unknown."""
    assert total_watts(seen(node(watts=0.0), node(), node(watts=2.5))) == (2.5, 2)
    assert total_watts(seen(node(), node())) == (None, 0)


def history(*states: JobState) -> list[JobEvent]:
    """A line every ten seconds."""
    return [JobEvent(number, "j1", NOW + 10 * number, state, "…") for number, state in enumerate(states)]


def told(job: Job, *states: JobState, now: float = NOW + 100) -> list[tuple[Standing, float | None]]:
    """Each step, where it stands and how long it took."""
    return [(step.standing, step.seconds) for step in steps(job, history(*states), now)]


def test_steps_of_a_job_under_way() -> None:
    """What is done has its time, the present step its time so far; one that was not needed is said to be."""
    job = samples.job(state=JobState.MIGRATING)

    assert told(
        job, JobState.QUEUED, JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.AWAITING_READY, JobState.MIGRATING
    ) == [
        (Standing.DONE, 10.0),
        (Standing.PASSED_OVER, None),
        (Standing.DONE, 20.0),
        (Standing.NOW, 60.0),
        (Standing.AHEAD, None),
    ]


def test_steps_of_a_job_that_is_over() -> None:
    """It ended where it failed, and what would have followed never began; of one that succeeded all is done."""
    failed = samples.job(state=JobState.FAILED, failure=Failure.NEVER_WOKE, finished_at=NOW + 30)

    assert told(failed, JobState.QUEUED, JobState.PREFLIGHT, JobState.WAKING, JobState.FAILED)[1:3] == [
        (Standing.ENDED_HERE, 10.0),
        (Standing.NEVER_BEGUN, None),
    ]
    woke = samples.job(order=samples.WAKE, state=JobState.SUCCEEDED, finished_at=NOW + 40)

    assert (
        told(woke, JobState.QUEUED, JobState.PREFLIGHT, JobState.WAKING, JobState.AWAITING_READY, JobState.SUCCEEDED)
        == [(Standing.DONE, 10.0)] * 3
    )


def test_steps_without_a_history() -> None:
    """A job that has just been queued has everything ahead of it; a clock that was set back makes no time negative."""
    assert {standing for standing, _ in told(samples.job())} == {Standing.AHEAD}
    assert told(samples.job(state=JobState.PREFLIGHT), JobState.PREFLIGHT, now=NOW - 50)[0] == (Standing.NOW, 0.0)
    woken = samples.job(state=JobState.AWAITING_READY, checkpoint=Checkpoint(woken=True))

    assert [step.standing for step in rough_steps(woken)][:4] == [
        Standing.DONE,
        Standing.DONE,
        Standing.NOW,
        Standing.AHEAD,
    ]


def test_a_share_of_nothing_is_unknown() -> None:
    """While QEMU has told no total there is no bar, and beyond the total the bar is full."""
    shares = {}
    for moved, total in ((5, 0), (5, 10), (11, 10)):
        job = samples.job(state=JobState.MIGRATING, checkpoint=Checkpoint(progress=Progress(moved, total)))
        shares[moved, total] = job_card(job, {}, NOW).percent

    assert shares == {(5, 0): None, (5, 10): 50, (11, 10): 100}


def test_what_is_not_decided_yet_is_said_to_be() -> None:
    """A guest or a target that is yet to be chosen has no number or name that it has not."""
    card = job_card(samples.job(order=samples.ANY_GUEST), {}, NOW)

    assert (card.what, card.route) == ("A guest of pve2", "from pve2 to a node of our choice")
    assert job_card(samples.job(order=samples.WAKE), {}, NOW).what == "Wake pve"
