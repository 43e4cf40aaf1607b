"""Which guest, and where to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actuator.policy.cluster import Guest, History, Node
from actuator.policy.jobs import JobState
from actuator.policy.placement import candidates, choose_target, target_refusal
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal
from actuator.policy.room import free_bytes
from tests.actuator.policy.samples import (
    ASLEEP,
    AWAKE,
    GIB,
    GUEST,
    ORDER,
    RULES,
    SOURCE,
    cluster,
    job,
    rules,
    situation,
)

THREE = rules(nodes=frozenset({"pve", "pve2", "pve3"}), wakeable=frozenset({"pve", "pve3"}))


def test_the_guest_that_keeps_most_processors_busy_comes_first() -> None:
    """Half of eight processors draws more than all of two; equals go by number, those without figures last."""
    guests = [
        replace(GUEST, vmid=104, cpu=None, max_cpu=None),
        replace(GUEST, vmid=103, cpu=1.0, max_cpu=2),
        replace(GUEST, vmid=102, cpu=0.5, max_cpu=8),
        replace(GUEST, vmid=101, cpu=1.0, max_cpu=2),
    ]

    assert [guest.vmid for guest in candidates("pve2", cluster(guests=guests), RULES, Power())] == [102, 101, 103, 104]


def test_without_a_tag_there_are_no_candidates() -> None:
    """Guests allowed by number are moved when named, never chosen."""
    assert candidates("pve2", cluster(), rules(allowed_tag=None), Power()) == []


def test_the_online_node_with_most_memory_free_is_chosen() -> None:
    """A node that is on is cheaper than one to be woken, however large; unknown room comes after known."""
    roomy = Node("pve3", online=True, memory_bytes=1 * GIB, max_memory_bytes=16 * GIB)
    mute = Node("pve3", online=True)

    assert choose_target(GUEST, situation(cluster(AWAKE, SOURCE, roomy), rails=THREE)) is roomy
    assert choose_target(GUEST, situation(cluster(AWAKE, SOURCE, mute), rails=THREE)) is AWAKE
    assert choose_target(GUEST, situation(cluster(ASLEEP, SOURCE, mute), rails=THREE)) is mute


def test_equal_nodes_go_by_name() -> None:
    """The same look at the cluster always gives the same answer."""
    twin = replace(AWAKE, name="pve3")

    assert choose_target(GUEST, situation(cluster(twin, AWAKE, SOURCE), rails=THREE)) is AWAKE
    assert choose_target(GUEST, situation(cluster(AWAKE, twin, SOURCE), rails=THREE)) is AWAKE


def test_a_sleeping_node_is_chosen_when_no_online_one_fits() -> None:
    """Waking is for when it is needed."""
    full = Node("pve3", online=True, memory_bytes=15 * GIB, max_memory_bytes=16 * GIB)

    assert choose_target(GUEST, situation(cluster(ASLEEP, SOURCE, full), rails=THREE)) is ASLEEP


def test_nodes_that_are_not_configured_are_never_chosen() -> None:
    """The operator's list bounds the choice."""
    other = Node("other", online=True, memory_bytes=0, max_memory_bytes=512 * GIB)

    assert choose_target(GUEST, situation(cluster(AWAKE, SOURCE, other))) is AWAKE


def test_a_lonely_node_has_no_target() -> None:
    """A stand-alone host, or one configured node, has nowhere to move to."""
    assert choose_target(GUEST, situation(cluster(SOURCE))) == Refusal(
        Reason.NO_TARGET_FITS,
        "No node but pve2 is both in the cluster and configured: add the other nodes under 'nodes'.",
    )


@pytest.mark.parametrize(
    ("node", "history", "wakeable", "reason", "message"),
    [
        (
            replace(AWAKE, ha_state="maintenance"),
            History(),
            {"pve"},
            Reason.TARGET_IN_MAINTENANCE,
            (
                "Node pve is in maintenance: end it (ha-manager crm-command node-maintenance disable pve) or name "
                "another target."
            ),
        ),
        (
            ASLEEP,
            History(quarantined={"pve": "gave no sign in 300 s"}),
            {"pve"},
            Reason.TARGET_QUARANTINED,
            (
                "Node pve is off and not woken any more (gave no sign in 300 s): switch it on by hand, and once it is "
                "seen online it is trusted again, or say that it may be woken: wattshift-actuator clear-quarantine pve "
                "(POST /api/v1/nodes/pve/clear-quarantine)."
            ),
        ),
        (
            ASLEEP,
            History(),
            set(),
            Reason.NO_TARGET_FITS,
            "Node pve is off and nothing says how to wake it: configure nodes.pve.wake, or switch it on.",
        ),
        (
            replace(AWAKE, memory_bytes=12 * GIB),
            History(),
            {"pve"},
            Reason.NO_TARGET_FITS,
            (
                "Node pve has 4096 MiB of memory free, but guest 100 needs 4096 MiB and 1024 MiB stay in reserve: free "
                "some there, or name another target."
            ),
        ),
    ],
)
def test_a_node_that_cannot_take_a_guest_says_why(
    node: Node, history: History, wakeable: set[str], reason: Reason, message: str
) -> None:
    """Named or chosen, the cause is the same; a single cause keeps its own reason."""
    rails = rules(wakeable=frozenset(wakeable))
    seen = cluster(node, SOURCE)

    assert target_refusal(GUEST, node, situation(seen, history, rails)) == Refusal(reason, message)
    assert choose_target(GUEST, situation(seen, history, rails)) == Refusal(reason, message)


def test_several_causes_are_told_together() -> None:
    """With different causes no node fits, and each is named."""
    refusal = choose_target(
        GUEST,
        situation(
            cluster(replace(AWAKE, ha_state="maintenance"), SOURCE, Node("pve3", online=False)),
            History(quarantined={"pve3": "never woke"}),
            THREE,
        ),
    )

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.NO_TARGET_FITS
    assert "pve is in maintenance" in refusal.message
    assert "pve3 is off and not woken" in refusal.message


def test_quarantine_ends_when_the_node_is_online() -> None:
    """A node that somebody switched on is usable, whatever it failed at before."""
    assert target_refusal(GUEST, AWAKE, situation(cluster(AWAKE, SOURCE), History(quarantined={"pve": "x"}))) is None


@pytest.mark.parametrize(
    ("node", "guest"),
    [
        (Node("pve", online=True), GUEST),
        (replace(AWAKE, memory_bytes=None), GUEST),
        (replace(AWAKE, memory_bytes=16 * GIB), replace(GUEST, max_memory_bytes=None)),
        (ASLEEP, GUEST),
    ],
)
def test_missing_statistics_refuse_nothing(node: Node, guest: Guest) -> None:
    """A figure that Proxmox did not tell is no reason against a move; Proxmox has the last word."""
    assert target_refusal(guest, node, situation(cluster(node, SOURCE))) is None


def test_a_sleeping_node_comes_up_empty() -> None:
    """Where its size is known, a node that is off offers all of it, and no more."""
    small = replace(ASLEEP, max_memory_bytes=4 * GIB)

    assert free_bytes(small, GUEST, situation(cluster(small, SOURCE))) == 4 * GIB
    assert target_refusal(GUEST, small, situation(cluster(small, SOURCE))) is not None


def test_guests_on_their_way_have_their_memory_already() -> None:
    """Two moves decided one after the other do not both take the last free memory."""
    other = replace(GUEST, vmid=101, max_memory_bytes=8 * GIB)
    arrived = replace(GUEST, vmid=102, node="pve", max_memory_bytes=2 * GIB)
    seen = cluster(AWAKE, SOURCE, guests=[GUEST, other, arrived])

    def heading(vmid: int, *, dry_run: bool = False) -> History:
        order = replace(ORDER, vmid=vmid, dry_run=dry_run)
        return History(live_jobs=(job(order=order, state=JobState.WAKING, target="pve"),))

    assert free_bytes(AWAKE, GUEST, situation(seen, heading(101))) == 6 * GIB
    assert free_bytes(AWAKE, GUEST, situation(seen, heading(100))) == 14 * GIB, "its own job does not count against it"
    assert free_bytes(AWAKE, GUEST, situation(seen, heading(102))) == 14 * GIB, "who has arrived is in the statistics"
    assert free_bytes(AWAKE, GUEST, situation(seen, heading(101, dry_run=True))) == 14 * GIB
    assert free_bytes(AWAKE, GUEST, situation(seen, heading(999))) == 14 * GIB, "a guest that is gone needs nothing"
