"""Variations of the original experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.lab.plan import NodePlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import RULES

if TYPE_CHECKING:
    from deploy.lab.plan import GuestPlan, Plan

THREE_NODES = replace(RULES, nodes=RULES.nodes | {"pve3"})
"""The rules with one more node to choose."""


def with_guest(**changes: object) -> Plan:
    """The original experiment with another guest 100."""
    plan = two_nodes()
    guest: GuestPlan = replace(plan.guests[0], **changes)  # type: ignore[arg-type]  # fields of GuestPlan
    return replace(plan, guests=(guest,))


def awake(plan: Plan, *, third: NodePlan | None = None) -> Plan:
    """The plan with all nodes on, and perhaps a third."""
    nodes = tuple(replace(node, on=True) for node in plan.nodes)
    return replace(plan, nodes=nodes if third is None else (*nodes, third))


def node(name: str = "pve3", **changes: object) -> NodePlan:
    """A third node, with more memory than the others so that it is the first choice."""
    made: NodePlan = replace(NodePlan(name, 3, "02:00:00:00:00:03", memory_bytes=64 * 1024**3), **changes)  # type: ignore[arg-type]  # fields of NodePlan
    return made
