"""Decisions on arrival: what is known without Proxmox."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.cluster import History
from actuator.policy.decide import Decision, at_intake
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason
from tests.actuator.policy.samples import ANY_GUEST, NOW, ORDER, RULES, WAKE, job, rules

if TYPE_CHECKING:
    from actuator.policy.rules import Rules


def decide(
    order: Order = ORDER,
    history: History | None = None,
    rules: Rules = RULES,
    *,
    episode_age: float | None = 60,
    repeat: bool = False,
) -> Decision:
    """Decide about an order of a fresh alert, with nothing remembered unless given."""
    return at_intake(order, history or History(), rules, now=NOW, episode_age=episode_age, repeat=repeat)


def test_a_fresh_order_within_the_rules_is_accepted() -> None:
    """An alert that names guest and target is accepted as it is, and the decision says what is to happen."""
    assert decide() == Decision(
        act=True,
        reason=Reason.ACCEPTED,
        message="Accepted: guest 100 is to move from pve2 to pve.",
        vmid=100,
        source="pve2",
        target="pve",
    )


def test_an_order_that_leaves_the_choice_is_accepted() -> None:
    """Without vmid and target, both are left to preflight."""
    decision = decide(ANY_GUEST)

    assert (decision.act, decision.vmid, decision.target) == (True, None, None)
    assert decision.message == "Accepted: a guest is to move from pve2 to another node."


@pytest.mark.parametrize("order", [WAKE, Order(Action.WAKE, "pve")])
def test_a_wake_is_about_its_target_or_else_its_node(order: Order) -> None:
    """``target_node`` names the node to wake; ``node`` does when there is none."""
    decision = decide(order)

    assert (decision.act, decision.vmid, decision.source, decision.target) == (True, None, None, "pve")
    assert decision.message == "Accepted: node pve is to be awake."


@pytest.mark.parametrize(
    ("order", "reason", "message"),
    [
        (
            Order(Action.MIGRATE, "pve9", 100),
            Reason.UNKNOWN_NODE,
            "Node pve9 is not configured: add it under 'nodes', or correct the label 'node'.",
        ),
        (
            Order(Action.MIGRATE, None),
            Reason.UNKNOWN_NODE,
            "The order names neither 'node' nor 'vmid': say what to move, or from where.",
        ),
        (
            Order(Action.WAKE, None),
            Reason.UNKNOWN_NODE,
            "The order names no node to wake: give it 'target_node'.",
        ),
        (
            Order(Action.MIGRATE, "pve2", 100, "pve9"),
            Reason.UNKNOWN_TARGET,
            "Target pve9 is not configured: add it under 'nodes', or correct the label 'target_node'.",
        ),
        (
            Order(Action.MIGRATE, "pve2", None, "pve2"),
            Reason.UNKNOWN_TARGET,
            "Target pve2 is the node to be relieved: name another one, or none.",
        ),
    ],
)
def test_nodes_outside_the_rules_are_unknown(order: Order, reason: Reason, message: str) -> None:
    """A label can only name nodes that the configuration names, and the sentence says which one is wrong."""
    decision = decide(order)

    assert (decision.act, decision.reason, decision.message) == (False, reason, message)


def test_a_guest_outside_the_list_is_refused_at_once_when_no_tag_could_allow_it() -> None:
    """With a tag configured, only Proxmox can tell; without one, the number alone decides."""
    other = replace(ORDER, vmid=101)
    decision = decide(other, rules=rules(allowed_tag=None))

    assert decision.reason is Reason.GUEST_NOT_ALLOWED
    assert decision.message == (
        "Guest 101 is not one the actuator may move: add it to guests.vmids, or configure guests.tag and tag it."
    )
    assert decide(other).act
    assert decide(ORDER, rules=rules(allowed_tag=None)).act


def test_a_choice_needs_a_tag_to_choose_by() -> None:
    """Without a configured tag nothing says which guest may be chosen."""
    decision = decide(ANY_GUEST, rules=rules(allowed_tag=None))

    assert decision.reason is Reason.NO_CANDIDATE_GUEST
    assert decision.message == (
        "The order names no guest and no tag says which may be chosen: configure guests.tag, or name a 'vmid'."
    )


def test_an_old_alert_never_seen_before_is_stale() -> None:
    """After a long outage nobody wants yesterday's alerts acted upon; one that we knew all along is not stale."""
    decision = decide(episode_age=3601)

    assert decision.reason is Reason.STALE_ALERT
    assert decision.message == (
        "The alert began 3601 s ago and was never seen before, more than limits.alert_max_age_seconds allows: see "
        "whether it still holds, and order the move by hand if it does."
    )
    assert decide(episode_age=3600).act
    assert decide(episode_age=86400, repeat=True).act
    assert decide(episode_age=None).act


def test_a_repeat_while_its_job_lives_changes_nothing() -> None:
    """Alertmanager's repeats, and the twin of an Alertmanager pair, are harmless; the cause is named, not the guest."""
    history = History(episode_jobs=1, episode_live=True, live_jobs=(job(),))
    decision = decide(history=history, repeat=True)

    assert decision.reason is Reason.DUPLICATE_EPISODE
    assert decision.message == "A job of this alert is at work already; nothing to do."


@pytest.mark.parametrize("order", [ORDER, WAKE])
def test_a_repeat_of_an_order_that_named_its_object_is_no_new_order(order: Order) -> None:
    """What was carried out once is not carried out again because Alertmanager says that it still fires."""
    decision = decide(order, History(episode_jobs=1), repeat=True)

    assert decision.reason is Reason.DUPLICATE_EPISODE
    assert decision.message == (
        "A job was begun for this alert before and a repeat is no new order; to try again, order it by hand with "
        "POST /api/v1/jobs."
    )


def test_a_repeat_may_move_the_next_guest_up_to_the_limit() -> None:
    """An episode that left the choice to us and still fires moves another guest, but no more than its limit."""
    assert decide(ANY_GUEST, History(episode_jobs=2), repeat=True).act

    decision = decide(ANY_GUEST, History(episode_jobs=3), repeat=True)

    assert decision.reason is Reason.DUPLICATE_EPISODE
    assert decision.message == (
        "This alert has begun 3 jobs, its limit; see why power is still high, or raise limits.per_episode."
    )


def test_a_repeat_of_an_alert_that_was_refused_is_decided_anew() -> None:
    """What was refused for a passing cause begins its first job when the cause has passed."""
    assert decide(history=History(episode_jobs=0), repeat=True).act


@pytest.mark.parametrize("order", [ORDER, ANY_GUEST, WAKE])
def test_pause_stops_everything(order: Order) -> None:
    """The kill switch knows no exception, and the sentence says who pulled it and how to undo it."""
    decision = decide(order, History(paused="rack work until noon"))

    assert decision.reason is Reason.PAUSED
    assert decision.message == "Work is paused (rack work until noon); resume it with POST /api/v1/resume."


def test_repeated_failures_open_the_breaker_for_a_while() -> None:
    """After the configured number of failures in a row nothing is begun until the time has passed."""
    failed = (NOW - 3000, NOW - 2000, NOW - 600)
    decision = decide(history=History(recent_failures=failed))

    assert decision.reason is Reason.BREAKER_OPEN
    assert decision.message == (
        "The last 3 jobs failed, so nothing new is begun for another 3000 s; see why they failed "
        "(GET /api/v1/jobs), then close the breaker with POST /api/v1/resume, or wait."
    )
    assert decide(history=History(recent_failures=failed[1:])).act
    assert decide(history=History(recent_failures=(NOW - 9000, NOW - 8000, NOW - 3600))).act


def test_a_guest_with_a_live_job_is_in_flight_whoever_asks() -> None:
    """One live job per guest: the second order names the first one's job."""
    decision = decide(history=History(live_jobs=(job("j7"),)), episode_age=None)

    assert decision.reason is Reason.IN_FLIGHT
    assert decision.message == "Guest 100 has a live job already, j7; follow it, or cancel it first."


def test_a_guest_chosen_by_another_job_is_in_flight() -> None:
    """A job whose order named no guest occupies the one it chose."""
    assert decide(history=History(live_jobs=(job(order=ANY_GUEST, vmid=100),))).reason is Reason.IN_FLIGHT


def test_one_choice_per_source_at_a_time() -> None:
    """Two alerts about one node (RAPL's and the BMC's, say) do not empty it twice as fast."""
    decision = decide(ANY_GUEST, History(live_jobs=(job("j7", ANY_GUEST),)))

    assert decision.reason is Reason.IN_FLIGHT
    assert decision.message == ("Job j7 is moving a guest away from pve2 already; the next follows if the alert stays.")
    assert decide(Order(Action.MIGRATE, "pve"), History(live_jobs=(job("j7", ANY_GUEST),))).act


def test_one_wake_per_node_at_a_time() -> None:
    """A second wish to wake a node is told of the first; another node's is not in its way."""
    decision = decide(WAKE, History(live_jobs=(job("j7", Order(Action.WAKE, "pve")),)))

    assert decision.reason is Reason.IN_FLIGHT
    assert decision.message == "Job j7 is waking node pve already; follow it."
    assert decide(WAKE, History(live_jobs=(job("j7", Order(Action.WAKE, "pve2")),))).act


def test_dry_runs_and_other_actions_are_in_nobodys_way() -> None:
    """A dry run touches nothing, and a wake occupies no guest."""
    dry = job("d", replace(ORDER, dry_run=True))

    assert decide(history=History(live_jobs=(dry, job("w", WAKE)))).act


def test_a_guest_rests_after_its_move() -> None:
    """The cooldown counts from the end of the last migration."""
    decision = decide(history=History(last_moved_at={100: NOW - 200}))

    assert decision.reason is Reason.COOLDOWN
    assert decision.message == (
        "Guest 100 was moved a short while ago and rests for another 400 s (limits.cooldown_seconds)."
    )
    assert decide(history=History(last_moved_at={100: NOW - 600, 101: NOW})).act


def test_a_guest_has_a_daily_limit() -> None:
    """A guest that keeps moving shows a rule that does not fit, which more moves would not mend."""
    decision = decide(history=History(moves_last_day={100: 4}))

    assert decision.reason is Reason.DAILY_LIMIT
    assert decision.message == (
        "Guest 100 was moved 4 times in 24 hours, its limit; see why its power keeps coming back, or raise "
        "limits.daily_per_guest."
    )
    assert decide(history=History(moves_last_day={100: 3, 101: 9})).act


def test_quarantine_is_left_to_preflight() -> None:
    """Only Proxmox can tell whether the node has come back, which would end its quarantine."""
    assert decide(history=History(quarantined={"pve": "never woke"})).act


@pytest.mark.parametrize("repeat", [False, True])
def test_an_alert_from_the_future_is_stale(repeat: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A start ahead of our clock by more than clocks differ says nothing of the present, however often it comes."""
    ahead, nearly = decide(episode_age=-601, repeat=repeat), decide(episode_age=-600, repeat=repeat)

    assert (ahead.act, ahead.reason) == (False, Reason.STALE_ALERT)
    assert ahead.message == (
        "The alert begins 601 s in the future: set the clocks of this machine and of Prometheus right (timedatectl)."
    )
    assert nearly.act
