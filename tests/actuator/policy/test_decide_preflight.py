"""Decisions once Proxmox was looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actuator.policy.cluster import Cluster, Guest, History, Node
from actuator.policy.decide import Decision, at_preflight
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode, Rules
from tests.actuator.policy.samples import (
    ANY_GUEST,
    ASLEEP,
    AWAKE,
    GIB,
    GUEST,
    NOW,
    ORDER,
    RULES,
    SOURCE,
    WAKE,
    cluster,
    job,
    rules,
)


def decide(
    order: Order = ORDER, seen: Cluster | None = None, history: History | None = None, rules: Rules = RULES
) -> Decision:
    """Decide about the original cluster, with nothing remembered, unless given."""
    return at_preflight(order, seen or cluster(), history or History(), rules, now=NOW)


def test_the_original_experiment_goes_ahead_without_quorum() -> None:
    """Two nodes, one off, hence no quorum: that refuses nothing, since waking is what brings quorum back."""
    assert decide(seen=cluster(quorate=False)) == Decision(
        act=True,
        reason=Reason.ACCEPTED,
        message="Guest 100 (web) moves from pve2 to pve, which is off and is woken first.",
        vmid=100,
        source="pve2",
        target="pve",
    )


@pytest.mark.parametrize("order", [ORDER, ANY_GUEST, Order(Action.MIGRATE, None, 100)])
def test_what_the_order_leaves_open_is_resolved(order: Order) -> None:
    """Guest, source and target are all known after preflight, whatever the order named."""
    decision = decide(order)

    assert (decision.act, decision.vmid, decision.source, decision.target) == (True, 100, "pve2", "pve")


def test_a_target_that_is_on_is_not_said_to_be_woken() -> None:
    """The sentence tells what really is to happen."""
    assert decide(seen=cluster(AWAKE, SOURCE)).message == "Guest 100 (web) moves from pve2 to pve."


@pytest.mark.parametrize(
    ("guest", "order", "reason", "message"),
    [
        (
            replace(GUEST, vmid=104),
            ORDER,
            Reason.GUEST_NOT_FOUND,
            "Proxmox shows no guest 100: correct the label 'vmid', or grant the token VM.Audit on /vms/100.",
        ),
        (
            replace(GUEST, vmid=101, tags=frozenset({"db"})),
            replace(ORDER, vmid=101),
            Reason.GUEST_NOT_ALLOWED,
            "Guest 101 is not one the actuator may move: add it to guests.vmids, or tag it 'wattshift' in Proxmox.",
        ),
        (
            replace(GUEST, template=True, status="stopped"),
            ORDER,
            Reason.GUEST_IS_TEMPLATE,
            "Guest 100 is a template, which never runs: name another guest.",
        ),
        (
            replace(GUEST, kind="lxc"),
            ORDER,
            Reason.GUEST_NOT_ALLOWED,
            (
                "Guest 100 is a container (lxc), which Proxmox cannot move without stopping it: allow that with "
                "guests.restart_containers, or name a virtual machine."
            ),
        ),
        (
            replace(GUEST, node="pve"),
            ORDER,
            Reason.GUEST_ALREADY_THERE,
            "Guest 100 is on pve already; nothing to do.",
        ),
        (
            replace(GUEST, node="pve"),
            replace(ORDER, target_node=None),
            Reason.GUEST_ELSEWHERE,
            "Guest 100 is on pve, not on pve2: moving it would not relieve pve2; name a guest that runs there.",
        ),
        (
            replace(GUEST, node="pve7"),
            Order(Action.MIGRATE, None, 100),
            Reason.UNKNOWN_NODE,
            "Guest 100 is on pve7, which is not configured: add it under 'nodes'.",
        ),
        (
            replace(GUEST, status="stopped"),
            ORDER,
            Reason.GUEST_NOT_ALLOWED,
            "Guest 100 is stopped, and only a running guest draws power that could move: start it, or name another.",
        ),
        (
            Guest(100, "qemu", "pve2", "unknown"),
            ORDER,
            Reason.GUEST_NOT_ALLOWED,
            "Proxmox does not tell whether guest 100 runs: see that pve2 is up and that pvestatd runs there.",
        ),
        (
            replace(GUEST, lock="backup"),
            ORDER,
            Reason.GUEST_LOCKED,
            "Guest 100 is locked by Proxmox (backup): wait until that is over; the actuator never unlocks.",
        ),
    ],
)
def test_a_named_guest_that_cannot_move_is_refused(guest: Guest, order: Order, reason: Reason, message: str) -> None:
    """Each cause has its reason and a sentence that says what to do."""
    decision = decide(order, cluster(guests=[guest]))

    assert (decision.act, decision.reason, decision.message) == (False, reason, message)


def test_the_number_or_the_tag_allows_a_guest() -> None:
    """Either is enough; an untagged guest by number, a tagged one without."""
    untagged = replace(GUEST, tags=frozenset())
    tagged = replace(GUEST, vmid=205)

    assert decide(seen=cluster(guests=[untagged])).act
    assert decide(replace(ORDER, vmid=205), cluster(guests=[tagged])).act
    assert decide(seen=cluster(guests=[untagged]), rules=rules(allowed_tag=None)).act


def test_without_a_tag_the_sentence_does_not_speak_of_one() -> None:
    """Advice that could not help is not given."""
    decision = decide(replace(ORDER, vmid=205), cluster(guests=[GUEST]), rules=rules(allowed_tag=None))

    assert decision.reason is Reason.GUEST_NOT_ALLOWED
    assert "in Proxmox" not in decision.message


@pytest.mark.parametrize(
    ("order", "reason", "message"),
    [
        (
            ORDER,
            Reason.UNKNOWN_NODE,
            "Proxmox knows no node pve2, only node1, pve: correct the name in the rule and in the configuration.",
        ),
        (
            Order(Action.MIGRATE, "pve", None, "pve2"),
            Reason.UNKNOWN_TARGET,
            "Proxmox knows no node pve2, only node1, pve: correct the name in the rule and in the configuration.",
        ),
        (
            Order(Action.WAKE, None, target_node="pve2"),
            Reason.UNKNOWN_TARGET,
            "Proxmox knows no node pve2, only node1, pve: correct the name in the rule and in the configuration.",
        ),
    ],
)
def test_nodes_that_proxmox_does_not_know_are_unknown(order: Order, reason: Reason, message: str) -> None:
    """A configured name that the cluster does not have is a mistake to be told, with the names that there are."""
    decision = decide(order, cluster(ASLEEP, Node("node1", online=True)))

    assert (decision.reason, decision.message) == (reason, message)


def test_the_rules_hold_in_preflight_too() -> None:
    """Between arrival and preflight the configuration may have been narrowed."""
    assert decide(rules=rules(nodes=frozenset({"pve2"}))).reason is Reason.UNKNOWN_TARGET
    assert decide(WAKE, rules=rules(nodes=frozenset({"pve2"}))).reason is Reason.UNKNOWN_TARGET


@pytest.mark.parametrize(
    "guest",
    [
        replace(GUEST, tags=frozenset()),
        replace(GUEST, status="stopped"),
        replace(GUEST, status="unknown"),
        replace(GUEST, template=True),
        replace(GUEST, kind="lxc"),
        replace(GUEST, node="pve"),
    ],
)
def test_without_a_guest_to_choose_nothing_moves(guest: Guest) -> None:
    """Only a tagged, running virtual machine on the source can be chosen."""
    decision = decide(ANY_GUEST, cluster(guests=[guest]))

    assert decision.reason is Reason.NO_CANDIDATE_GUEST
    assert decision.message == (
        "No guest on pve2 can be chosen: none that runs carries the tag 'wattshift'; tag those that may move."
    )


def test_a_locked_guest_is_chosen_last_and_waited_for() -> None:
    """With another one to choose it is passed over; alone, its lock is the reason, which ends by itself."""
    locked = replace(GUEST, lock="snapshot")
    other = replace(GUEST, vmid=101, max_memory_bytes=GIB)

    assert decide(ANY_GUEST, cluster(guests=[locked, other])).vmid == 101
    assert decide(ANY_GUEST, cluster(guests=[locked])).reason is Reason.GUEST_LOCKED


def test_resting_and_busy_guests_are_passed_over() -> None:
    """The next guest of an episode is another one: those in cooldown, at their limit or in flight are not chosen."""
    guests = [replace(GUEST, vmid=vmid, max_memory_bytes=GIB) for vmid in (100, 101, 102, 103)]
    history = History(
        last_moved_at={100: NOW - 10},
        moves_last_day={101: 4},
        live_jobs=(job("j2", ANY_GUEST, vmid=102), job("d", replace(ORDER, vmid=103, dry_run=True))),
    )

    assert decide(ANY_GUEST, cluster(guests=guests), history).vmid == 103


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (History(last_moved_at={100: NOW - 10}), Reason.COOLDOWN),
        (History(moves_last_day={100: 4}), Reason.DAILY_LIMIT),
        (History(live_jobs=(job("j2", ANY_GUEST, vmid=100),)), Reason.IN_FLIGHT),
    ],
)
def test_when_every_guest_rests_the_best_ones_cause_is_given(history: History, reason: Reason) -> None:
    """Nothing to move now is told with the cause, which passes."""
    assert decide(ANY_GUEST, history=history).reason is reason


@pytest.mark.parametrize(
    ("history", "reason"),
    [(History(last_moved_at={100: NOW - 10}), Reason.COOLDOWN), (History(moves_last_day={100: 4}), Reason.DAILY_LIMIT)],
)
def test_a_named_guest_rests_too(history: History, reason: Reason) -> None:
    """A guest may have moved between arrival and preflight."""
    assert decide(history=history).reason is reason


def test_the_second_busiest_moves_when_the_busiest_fits_nowhere() -> None:
    """Some relief is better than none."""
    large = replace(GUEST, vmid=101, max_memory_bytes=64 * GIB)
    small = replace(GUEST, vmid=102, cpu=0.1)

    assert decide(ANY_GUEST, cluster(AWAKE, SOURCE, guests=[large, small])).vmid == 102


def test_when_none_fits_the_busiest_ones_cause_is_given() -> None:
    """The refusal speaks of the guest that mattered most."""
    busy = replace(GUEST, vmid=101, max_memory_bytes=64 * GIB)
    idle = replace(GUEST, vmid=102, max_memory_bytes=64 * GIB, cpu=0.0)
    decision = decide(ANY_GUEST, cluster(AWAKE, SOURCE, guests=[idle, busy]))

    assert (decision.reason, decision.vmid) == (Reason.NO_TARGET_FITS, 101)


@pytest.mark.parametrize(
    ("changes", "order", "message"),
    [
        (
            {"mode": Mode.OBSERVE},
            ORDER,
            (
                "Only observed, nothing was done: guest 100 (web) moves from pve2 to pve, which is off and is woken "
                "first. Configure 'mode: act' to do it."
            ),
        ),
        (
            {},
            replace(ORDER, dry_run=True),
            (
                "Dry run, nothing was done: guest 100 (web) moves from pve2 to pve, which is off and is woken first. "
                "Order it without dry_run to do it."
            ),
        ),
        (
            {"mode": Mode.OBSERVE},
            WAKE,
            "Only observed, nothing was done: node pve is off and is woken. Configure 'mode: act' to do it.",
        ),
    ],
)
def test_observing_says_what_would_be_done(changes: dict[str, object], order: Order, message: str) -> None:
    """Observing decides everything, does nothing, and names guest, source and target."""
    decision = decide(order, rules=rules(**changes))

    assert (decision.act, decision.reason, decision.message) == (False, Reason.OBSERVE_ONLY, message)
    assert decision.target == "pve"


def test_observing_shows_refusals_as_they_are() -> None:
    """Whoever tries the rules out in observe mode wants to see what would be refused."""
    assert decide(seen=cluster(guests=[]), rules=rules(mode=Mode.OBSERVE)).reason is Reason.GUEST_NOT_FOUND


@pytest.mark.parametrize(
    ("node", "message"),
    [(ASLEEP, "Node pve is off and is woken."), (AWAKE, "Node pve is on already.")],
)
def test_a_wake_goes_ahead_whether_the_node_is_on_or_off(node: Node, message: str) -> None:
    """Waking a node that is on is done at once, not an error; and no guest is needed for it."""
    decision = decide(WAKE, cluster(node, SOURCE, guests=[]))

    assert decision == Decision(act=True, reason=Reason.ACCEPTED, message=message, target="pve")


def test_a_sentence_keeps_the_case_of_names() -> None:
    """Node names may hold capitals, which a person has to copy."""
    names = frozenset({"PVE", "pve2"})
    decision = decide(
        replace(WAKE, target_node="PVE"),
        cluster(Node("PVE", online=False), SOURCE),
        rules=rules(nodes=names, wakeable=names),
    )

    assert decision.message == "Node PVE is off and is woken."


def test_a_node_that_nobody_can_wake_is_not_woken() -> None:
    """Without a way of waking there is nothing to try."""
    assert decide(WAKE, rules=rules(wakeable=frozenset())).reason is Reason.NO_TARGET_FITS
