"""What would be done about an order: the decisions of intake and preflight, with nothing done and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.decide import at_intake
from actuator.policy.plans import Plan, PlanPower
from actuator.workflow.preflight import judge

if TYPE_CHECKING:
    from actuator.policy.cluster import Cluster
    from actuator.policy.decide import Decision
    from actuator.policy.orders import Order
    from actuator.policy.power import Power
    from actuator.workflow.means import Means


def plan(order: Order, means: Means, now: float) -> Plan:
    """Look, and decide as a job for this order would.

    Raises:
        StoreUnavailable: our own memory cannot be read.
        Temporary: Proxmox gave no usable answer now.
        Permanent: It will give none.
    """
    history = means.store.history(now)
    decision = at_intake(order, history, means.rules, now=now, episode_age=None, repeat=False)
    if not decision.act:
        return Plan(decision)
    cluster = means.proxmox.cluster()
    decision = judge(order, cluster, history, means, now)
    return Plan(decision, _wakes(decision, cluster), _power(decision, means.power()))


def _wakes(decision: Decision, cluster: Cluster) -> bool:
    target = None if decision.target is None else cluster.nodes.get(decision.target)
    return target is not None and not target.online


def _power(decision: Decision, power: Power) -> PlanPower | None:
    known = PlanPower(
        guest_watts=None if decision.vmid is None else power.guest_watts.get(decision.vmid),
        source_watts=None if decision.source is None else power.node_watts.get(decision.source),
        target_watts=None if decision.target is None else power.node_watts.get(decision.target),
        target_threshold_watts=None if decision.target is None else power.node_thresholds.get(decision.target),
    )
    return None if known == PlanPower() else known
