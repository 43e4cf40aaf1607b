"""Which job may go on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from actuator.policy.jobs import Job, JobState
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason
from actuator.workflow.admission import obstacle

NODES = st.none() | st.sampled_from(["a", "b", "c"])
VMIDS = st.none() | st.integers(min_value=100, max_value=103)


def job(name: str, vmid: int | None, source: str | None, target: str | None) -> Job:
    """A job as ordered."""
    order = Order(Action.MIGRATE, source, vmid=vmid, target_node=target)
    return Job(name, order, JobState.QUEUED, Reason.ACCEPTED, "", 0.0, 0.0, vmid=vmid)


def test_nothing_in_the_way() -> None:
    """Other guests on other nodes are in nobody's way; nor is the job itself."""
    mine = job("1", 100, "a", "b")

    assert obstacle(mine, [mine, job("2", 101, "c", "d")], 2) is None


def test_the_same_guest_waits() -> None:
    """One migration per guest."""
    assert obstacle(job("1", 100, None, None), [job("2", 100, "a", "b")], 9) == (
        "Waits until another job with guest 100 is over."
    )


def test_the_same_node_waits() -> None:
    """One migration per node, be it source or target, decided or ordered."""
    decided = replace(job("2", 101, None, None), source="a", target="b")

    assert obstacle(job("1", 100, "a", None), [decided], 9) == "Waits until another job with node a is over."
    assert obstacle(job("1", 100, None, "b"), [decided], 9) == "Waits until another job with node b is over."


def test_the_limit_holds() -> None:
    """So many in all."""
    assert obstacle(job("1", 100, "a", "b"), [job("2", 101, "c", "d"), job("3", 102, "e", "f")], 2) == (
        "Waits until one of 2 jobs at work is over (limits.parallel)."
    )


@given(st.lists(st.tuples(VMIDS, NODES, NODES), max_size=8), st.integers(min_value=1, max_value=4))
def test_those_admitted_never_meet(wishes: list[tuple[int | None, str | None, str | None]], limit: int) -> None:
    """Whatever is asked for in whatever order, those at work share no guest and no node, and are not too many."""
    at_work: list[Job] = []
    for number, wish in enumerate(wishes):
        wanted = job(str(number), *wish)
        if obstacle(wanted, at_work, limit) is None:
            at_work.append(wanted)

    guests = [each.vmid for each in at_work if each.vmid is not None]
    nodes = [node for each in at_work for node in {each.order.node, each.order.target_node} if node is not None]
    assert len(set(guests)) == len(guests)
    assert len(set(nodes)) == len(nodes)
    assert len(at_work) <= limit
