"""What every decision keeps to, whatever it is asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import event, given, settings
from hypothesis import strategies as st

from actuator.policy.decide import Decision, at_intake, at_migration, at_preflight
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode, Rules
from tests.actuator.policy import strategies as some

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster, Guest, History, Preconditions

unhurried = settings(deadline=None)  # no law depends on speed


def is_sound(decision: Decision) -> bool:
    """Acting and ``accepted`` are one; the message is a sentence."""
    event(f"{decision.reason}")
    return decision.act == (decision.reason is Reason.ACCEPTED) and decision.message.endswith(".")


@unhurried
@given(
    order=some.orders,
    history=some.histories,
    rules=some.rules,
    now=some.seconds,
    age=st.none() | st.just(60.0) | st.floats(),
    repeat=st.booleans(),
)
def test_intake_always_decides(
    *, order: Order, history: History, rules: Rules, now: float, age: float | None, repeat: bool
) -> None:
    """Nothing that can be asked raises (Alertmanager would repeat it for ever); what acts keeps to the rules."""
    decision = at_intake(order, history, rules, now=now, episode_age=age, repeat=repeat)

    assert is_sound(decision)
    if decision.act:
        assert {decision.source, decision.target} <= rules.nodes | {None}
        assert history.paused is None
        if order.action is Action.MIGRATE:
            assert order.vmid in rules.allowed_vmids or rules.allowed_tag is not None


@unhurried
@given(some.orders, some.clusters, some.histories, some.rules, some.seconds)
def test_preflight_always_decides_within_the_rules(
    order: Order, cluster: Cluster, history: History, rules: Rules, now: float
) -> None:
    """A label never widens what the rules allow: nodes, guests, waking, and observing."""
    decision = at_preflight(order, cluster, history, rules, now=now)

    assert is_sound(decision)
    if decision.reason not in {Reason.ACCEPTED, Reason.OBSERVE_ONLY}:
        return
    assert decision.act == (rules.mode is Mode.ACT and not order.dry_run)
    assert decision.target in rules.nodes
    target = cluster.nodes[decision.target]
    assert target.online or (target.name in rules.wakeable and target.name not in history.quarantined)
    assert target.ha_state != "maintenance"
    if order.action is Action.MIGRATE:
        assert decision.vmid is not None
        guest = cluster.guests[decision.vmid]
        assert decision.source == guest.node != target.name
        assert guest.node in rules.nodes
        assert guest.vmid in rules.allowed_vmids or rules.allowed_tag in guest.tags
        assert (guest.kind, guest.status, guest.template, guest.lock) == ("qemu", "running", False, None)
        assert order.vmid in {None, guest.vmid}
        assert order.node in {None, guest.node}
        assert order.target_node in {None, target.name}


@unhurried
@given(some.orders, some.clusters, some.histories, some.rules, some.seconds)
def test_quorum_decides_nothing_in_preflight(
    order: Order, cluster: Cluster, history: History, rules: Rules, now: float
) -> None:
    """Quorum gates the migration, never the waking: the decision is the same with and without it."""
    with_quorum, without = (
        at_preflight(order, replace(cluster, quorate=quorate), history, rules, now=now) for quorate in (True, False)
    )

    assert with_quorum == without


@unhurried
@given(some.orders, some.clusters, some.histories, some.rules, some.seconds)
def test_the_order_in_which_proxmox_lists_things_does_not_matter(
    order: Order, cluster: Cluster, history: History, rules: Rules, now: float
) -> None:
    """Proxmox lists nodes and guests in random order; the decision is the same."""
    turned = replace(
        cluster,
        nodes=dict(reversed(list(cluster.nodes.items()))),
        guests=dict(reversed(list(cluster.guests.items()))),
    )

    assert at_preflight(order, cluster, history, rules, now=now) == at_preflight(order, turned, history, rules, now=now)


@unhurried
@given(some.guests, some.names, some.preconditions)
def test_the_last_look_always_decides(guest: Guest, target: str, preconditions: Preconditions) -> None:
    """What goes ahead has nothing in its way that Proxmox told of."""
    decision = at_migration(guest, target, preconditions)

    assert is_sound(decision)
    if decision.act:
        assert preconditions.running
        assert not preconditions.local_disks
        assert not preconditions.local_resources
        assert not preconditions.obstacles.get(target)
        assert preconditions.allowed_nodes is None or target in preconditions.allowed_nodes
