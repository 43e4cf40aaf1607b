"""Whether a node has room: memory, processors and watts."""

from __future__ import annotations

from dataclasses import replace

from actuator.policy.cluster import History, Node
from actuator.policy.decide import at_preflight
from actuator.policy.jobs import JobState
from actuator.policy.placement import candidates, choose_target, target_refusal
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.room import arrivals
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
    cluster,
    job,
    rules,
    situation,
)

THREE = rules(nodes=frozenset({"pve", "pve2", "pve3"}), wakeable=frozenset({"pve", "pve3"}))
PVE3 = Node("pve3", online=True, memory_bytes=1 * GIB, max_memory_bytes=16 * GIB)
OTHER = replace(GUEST, vmid=101, max_memory_bytes=GIB)


def test_processors_are_not_given_away_too_often() -> None:
    """With guest 100's four, eight given of four would be three to one; what is unknown refuses nothing."""
    node = replace(AWAKE, max_cpu=4)
    there = replace(GUEST, vmid=101, node="pve", max_cpu=8)
    seen = cluster(node, SOURCE, guests=[GUEST, there])

    refusal = target_refusal(GUEST, node, situation(seen, rails=rules(cpu_overcommit=2.5)))

    assert refusal is not None
    assert refusal.reason is Reason.NO_TARGET_FITS
    assert "has 4 processors and gives 8 to its guests" in refusal.message
    assert target_refusal(GUEST, node, situation(seen, rails=rules(cpu_overcommit=3.0))) is None
    assert target_refusal(GUEST, node, situation(seen, rails=rules(cpu_overcommit=None))) is None
    assert target_refusal(GUEST, AWAKE, situation(seen, rails=rules(cpu_overcommit=1.0))) is None


def test_who_has_just_come_counts_until_the_figures_show_it() -> None:
    """Memory is shown after some seconds, watts after more than a minute; another node is taken rather, or it waits."""
    came = replace(GUEST, vmid=101, node="pve", max_memory_bytes=11 * GIB)
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, came])
    power = Power({"pve": 100.0}, {"pve": 150.0}, {100: 30.0, 101: 30.0})

    assert at_preflight(ORDER, seen, History(), RULES, now=NOW, arrived={101: 10.0}).reason is Reason.NO_TARGET_FITS
    assert at_preflight(ORDER, seen, History(), RULES, now=NOW, arrived={101: 30.0}).act
    late = at_preflight(ORDER, seen, History(), RULES, now=NOW, arrived={101: 80.0}, power=power)
    assert late.reason is Reason.TARGET_OVER_POWER
    assert at_preflight(ORDER, seen, History(), RULES, now=NOW, power=power).act

    assert arrivals(History(last_moved_at={100: NOW - 91, 101: NOW - 10, 102: NOW + 5}), NOW) == {101: 10.0}


def test_memory_is_not_promised_too_often() -> None:
    """Guests that idle use little of what they may: 15 GiB for guests, 14 promised; guest 100's four make it 1.2."""
    idle = replace(GUEST, vmid=101, node="pve", max_memory_bytes=14 * GIB)
    stopped = replace(idle, vmid=102, status="stopped")
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, idle, stopped])

    refusal = target_refusal(GUEST, AWAKE, situation(seen, rails=rules(memory_overcommit=1.1)))

    assert refusal is not None
    assert refusal.reason is Reason.NO_TARGET_FITS
    assert (
        "has 15360 MiB of memory for guests and promises 14336 MiB to those that run; the 4096 MiB" in refusal.message
    )
    assert target_refusal(GUEST, AWAKE, situation(seen, rails=rules(memory_overcommit=1.2))) is None
    assert target_refusal(GUEST, AWAKE, situation(seen, rails=rules(memory_overcommit=None))) is None


def test_promises_are_kept_of_those_on_their_way_and_of_the_known_alone() -> None:
    """A guest that is coming has its memory already; a node that is off promises nothing; unknown refuses nothing."""
    coming = replace(GUEST, vmid=101, max_memory_bytes=8 * GIB)
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, coming, replace(GUEST, vmid=102, node="pve", max_memory_bytes=None)])
    moving = History(live_jobs=(job(order=replace(ORDER, vmid=101), state=JobState.WAKING, target="pve"),))
    careful = rules(memory_overcommit=0.7, memory_reserve_bytes=0)
    asleep = cluster(replace(ASLEEP, max_memory_bytes=16 * GIB), guests=[GUEST, replace(coming, node="pve")])

    assert target_refusal(GUEST, AWAKE, situation(seen, rails=careful)) is None
    assert target_refusal(GUEST, AWAKE, situation(seen, moving, careful)) is not None
    assert target_refusal(GUEST, asleep.nodes["pve"], situation(asleep, rails=careful)) is None
    assert target_refusal(replace(GUEST, max_memory_bytes=None), AWAKE, situation(seen, moving, careful)) is None


def test_guests_that_do_not_run_or_are_coming_count_as_they_should() -> None:
    """A stopped guest has no processors; one on its way has its own already."""
    node = replace(AWAKE, max_cpu=4)
    stopped = replace(GUEST, vmid=101, node="pve", status="stopped", max_cpu=8)
    coming = replace(GUEST, vmid=102, max_cpu=8)
    seen = cluster(node, SOURCE, guests=[GUEST, stopped, coming])
    moving = History(live_jobs=(job(order=replace(ORDER, vmid=102), state=JobState.WAKING, target="pve"),))

    assert target_refusal(GUEST, node, situation(seen, rails=rules(cpu_overcommit=1.0))) is None
    assert target_refusal(GUEST, node, situation(seen, moving, rules(cpu_overcommit=1.0))) is not None


def test_a_move_over_the_targets_own_threshold_is_refused() -> None:
    """Watts, threshold and the guest's share known: refused with both figures; any of them unknown: not."""
    power = Power({"pve": 180.0}, {"pve": 200.0}, {100: 35.0})
    seen = cluster(AWAKE, SOURCE)

    refusal = target_refusal(GUEST, AWAKE, situation(seen, power=power))

    assert refusal is not None
    assert refusal.reason is Reason.TARGET_OVER_POWER
    assert "may draw 20 W more before its own threshold of 200 W, but guest 100 draws about 35 W" in refusal.message
    for other in (
        replace(power, node_watts={}),
        replace(power, node_thresholds={}),
        replace(power, guest_watts={}),
        replace(power, guest_watts={100: 20.0}),
    ):
        assert target_refusal(GUEST, AWAKE, situation(seen, power=other)) is None


def test_watts_on_their_way_are_spent_already() -> None:
    """Two moves decided one after the other do not both take the last headroom."""
    power = Power({"pve": 150.0}, {"pve": 200.0}, {100: 30.0, 101: 30.0})
    moving = History(live_jobs=(job(order=replace(ORDER, vmid=101), state=JobState.WAKING, target="pve"),))
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, OTHER])

    assert target_refusal(GUEST, AWAKE, situation(seen, power=power)) is None
    assert target_refusal(GUEST, AWAKE, situation(seen, moving, power=power)) is not None


def test_the_target_with_most_power_headroom_is_chosen() -> None:
    """Headroom comes before memory, the known before the unknown; without any, memory decides as ever."""
    seen = cluster(AWAKE, SOURCE, PVE3)

    def chosen(**watts: float) -> object:
        power = Power(watts, dict.fromkeys(watts, 200.0))
        return choose_target(GUEST, situation(seen, rails=THREE, power=power))

    assert chosen(pve=100.0, pve3=150.0) is AWAKE
    assert chosen(pve=150.0, pve3=100.0) is PVE3
    assert chosen(pve=199.0) is AWAKE
    assert chosen() is PVE3


def test_what_a_closer_look_found_counts() -> None:
    """A target it ruled out is refused when named and passed over when chosen; a guest it ruled out goes nowhere."""
    seen = cluster(AWAKE, SOURCE, PVE3)
    found = Refusal(Reason.TARGET_CPU_DIFFERS, "Another processor.")
    at_target: dict[tuple[int, str | None], Refusal] = {(100, "pve3"): found, (101, "pve"): found}
    at_guest: dict[tuple[int, str | None], Refusal] = {(100, None): found}

    assert target_refusal(GUEST, PVE3, situation(seen, rails=THREE, findings=at_target)) is found
    assert choose_target(GUEST, situation(seen, rails=THREE, findings=at_target)) is AWAKE
    decision = at_preflight(ORDER, seen, History(), THREE, now=NOW, findings=at_guest)
    assert (decision.act, decision.reason) == (False, Reason.TARGET_CPU_DIFFERS)


def test_another_guest_is_taken_when_the_first_cannot_leave() -> None:
    """The guest that draws most is ruled out by a closer look: the next one goes."""
    found = Refusal(Reason.GUEST_HAS_LOCAL_DISKS, "It has local disks.")
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, replace(OTHER, cpu=0.1)])

    assert at_preflight(ANY_GUEST, seen, History(), RULES, now=NOW).vmid == 100
    assert at_preflight(ANY_GUEST, seen, History(), RULES, now=NOW, findings={(100, None): found}).vmid == 101


def test_figures_of_a_node_that_is_off_are_old() -> None:
    """What it drew before it went off, or drew going off, refuses nothing and ranks nothing."""
    power = Power({"pve": 199.0}, {"pve": 200.0}, {100: 30.0})

    assert target_refusal(GUEST, ASLEEP, situation(cluster(ASLEEP, SOURCE), power=power)) is None


def test_a_node_is_woken_only_when_no_awake_one_has_the_watts() -> None:
    """An awake node near its threshold is left alone, and the sleeping one is woken for it."""
    power = Power({"pve3": 195.0}, {"pve3": 200.0}, {100: 30.0})
    seen = cluster(ASLEEP, SOURCE, PVE3)

    assert choose_target(GUEST, situation(seen, rails=THREE, power=power)) is ASLEEP
    assert choose_target(GUEST, situation(seen, rails=THREE)) is PVE3


def test_the_guest_that_draws_most_comes_first() -> None:
    """Estimated watts count before busy processors, and guests without an estimate come behind."""
    guests = [
        replace(GUEST, vmid=101, cpu=0.1),
        replace(GUEST, vmid=102, cpu=1.0),
        replace(GUEST, vmid=103, cpu=0.5),
        replace(GUEST, vmid=104, cpu=0.9, max_cpu=64, kind="lxc"),
    ]
    seen, power = cluster(guests=guests), Power(guest_watts={101: 40.0, 103: 20.0, 104: 90.0})

    assert [guest.vmid for guest in candidates("pve2", seen, RULES, power)] == [101, 103, 102]
    allowed = rules(restart_containers=True)
    assert [guest.vmid for guest in candidates("pve2", seen, allowed, power)] == [101, 103, 102, 104]


def test_many_causes_are_not_told_one_by_one() -> None:
    """In a large cluster the first few causes are told, and how many more there are."""
    nodes = [replace(AWAKE, name=f"n{number}", ha_state="maintenance") for number in range(20)]
    rails = rules(nodes=frozenset({"pve2", *(node.name for node in nodes)}))

    refusal = choose_target(GUEST, situation(cluster(SOURCE, *nodes), rails=rails))

    assert not isinstance(refusal, Node)
    assert refusal.reason is Reason.TARGET_IN_MAINTENANCE
    assert refusal.message.endswith("And 15 nodes more do not fit.")
