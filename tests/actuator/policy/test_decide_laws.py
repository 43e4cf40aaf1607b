"""What every decision keeps to, whatever it is asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import event, given, settings
from hypothesis import strategies as st

from actuator.policy.cluster import Cluster
from actuator.policy.decide import Decision, at_intake, at_migration, at_preflight
from actuator.policy.orders import Action, Order
from actuator.policy.placement import candidates, target_refusal
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode, Rules
from actuator.policy.situation import Situation
from tests.actuator.policy import strategies as some

if TYPE_CHECKING:
    from random import Random

    from actuator.policy.closer_look import CloserLook
    from actuator.policy.cluster import Guest, History, Node
    from actuator.policy.power import Power
    from actuator.policy.refusal import Refusal

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
@given(
    order=some.orders,
    cluster=some.clusters,
    history=some.histories,
    rules=some.rules,
    now=some.seconds,
    power=some.powers,
    findings=some.findings,
)
def test_preflight_always_decides_within_the_rules(
    *,
    order: Order,
    cluster: Cluster,
    history: History,
    rules: Rules,
    now: float,
    power: Power,
    findings: dict[tuple[int, str | None], Refusal],
) -> None:
    """A label never widens what the rules allow, and no target is chosen that anything is known against."""
    decision = at_preflight(order, cluster, history, rules, now=now, power=power, findings=findings)

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
        assert (guest.status, guest.template, guest.lock) == ("running", False, None)
        assert guest.kind == "qemu" or rules.restart_containers
        assert order.vmid in {None, guest.vmid}
        assert order.node in {None, guest.node}
        assert order.target_node in {None, target.name}
        assert target_refusal(guest, target, Situation(cluster, history, rules, power, findings)) is None
        assert {(guest.vmid, None), (guest.vmid, target.name)}.isdisjoint(findings)


@unhurried
@given(
    order=some.orders,
    cluster=some.clusters,
    history=some.histories,
    rules=some.rules,
    node=some.nodes,
    power=some.powers,
)
def test_an_unrelated_node_makes_no_move_impossible(
    *, order: Order, cluster: Cluster, history: History, rules: Rules, node: Node, power: Power
) -> None:
    """A node more is a choice more: what was accepted before still is."""
    more = replace(cluster, nodes={**cluster.nodes, "pve9": replace(node, name="pve9")})
    wider = replace(rules, nodes=rules.nodes | {"pve9"}, wakeable=rules.wakeable | {"pve9"})

    before = at_preflight(order, cluster, history, rules, now=0.0, power=power)
    after = at_preflight(order, more, history, wider, now=0.0, power=power)

    assert after.reason is before.reason or before.reason not in {Reason.ACCEPTED, Reason.OBSERVE_ONLY}


@unhurried
@given(st.lists(some.guests, unique_by=lambda guest: guest.vmid), some.rules, some.powers, st.randoms())
def test_the_order_of_candidates_is_total(found: list[Guest], rules: Rules, power: Power, random: Random) -> None:
    """However Proxmox lists them, the candidates come in one order: containers last, those of known watts first."""
    at_source = [replace(guest, node="pve") for guest in found]
    shuffled = random.sample(at_source, len(at_source))

    chosen, again = (
        candidates(
            "pve", Cluster(None, quorate=True, nodes={}, guests={guest.vmid: guest for guest in each}), rules, power
        )
        for each in (at_source, shuffled)
    )

    assert chosen == again
    assert [guest.container for guest in chosen] == sorted(guest.container for guest in chosen)
    watts = [power.guest_watts.get(guest.vmid) for guest in chosen if not guest.container]
    known = [each for each in watts if each is not None]
    assert watts[: len(known)] == sorted(known, reverse=True)


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
@given(some.guests, some.nodes, some.looks, some.rules)
def test_the_last_look_always_decides(guest: Guest, target: Node, look: CloserLook, rules: Rules) -> None:
    """What goes ahead has nothing in its way that Proxmox told of."""
    decision = at_migration(guest, target, look, rules)

    assert is_sound(decision)
    if not decision.act:
        return
    assert guest.lock is None
    assert not look.replicas or target.name in look.replicas
    if guest.under_ha:
        assert guest.ha_state != "error"
        assert target.ha_state in {None, "online"}
        assert look.ha is None or look.ha.armed != "disarmed"
        assert look.options is None or not look.options.rebalance(guest) or rules.allow_ha_rebalancing
    if look.preconditions is None:
        assert guest.status == "running"
        return
    told = look.preconditions
    assert told.running
    assert not told.local_resources
    assert not told.ha_dependents
    assert not told.obstacles.get(target.name)
    assert not told.ha_blockers.get(target.name)
    assert target.name not in told.ha_forbidden
    assert told.allowed_nodes is None or target.name in told.allowed_nodes
    if told.local_disks:
        assert rules.local_disks_max_bytes is not None
        assert sum(disk.size_bytes or 0 for disk in told.local_disks) <= rules.local_disks_max_bytes
