"""The first look at the cluster: which guest, to which node, or why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.closer_look import guest_obstacle, target_obstacle
from actuator.policy.decide import at_preflight
from actuator.policy.jobs import JobState
from actuator.policy.limits import switched_off
from actuator.policy.reasons import Reason
from actuator.workflow.closer_look import early_look
from actuator.workflow.means import look
from actuator.workflow.result import advance, skip, stay

if TYPE_CHECKING:
    from actuator.policy.closer_look import CloserLook
    from actuator.policy.cluster import Cluster, Guest, History
    from actuator.policy.decide import Decision
    from actuator.policy.jobs import Job
    from actuator.policy.orders import Order
    from actuator.policy.refusal import Refusal
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult


_MOST_LOOKS = 16
"""So many guests and targets are looked at closely."""


def preflight(job: Job, means: Means, now: float) -> StepResult:
    """Decide with Proxmox's view what intake could not; nothing is done yet."""
    job, cluster, _ = look(job, means)
    history = means.store.history(now, job.episode_id)
    back = {name: node.address for name, node in cluster.nodes.items() if node.online and name in history.quarantined}
    if back:  # what was seen awake can be trusted again
        means.store.nodes.seen_online(back, now, epoch=means.epoch)
    # The pause holds a job by itself; the breaker may have opened while it waited in the queue.
    if (refusal := switched_off(replace(history, paused=None), means.rules, now)) is not None:
        return skip(job, refusal.reason, refusal.message)
    others = tuple(other for other in history.live_jobs if other.id != job.id)
    decision = judge(job.order, cluster, replace(history, live_jobs=others), means, now)
    if decision.reason is Reason.GUEST_LOCKED and _has_patience(job, means, now):
        return stay(job, means.timing.poll_seconds, None if job.message == decision.message else decision.message)
    if not decision.act:
        return skip(job, decision.reason, decision.message)
    guest = None if decision.vmid is None else cluster.guests.get(decision.vmid)
    job = replace(
        job,
        vmid=decision.vmid,
        source=decision.source,
        target=decision.target,
        guest_node=job.guest_node if guest is None else guest.node,
    )
    node = None if job.target is None else cluster.nodes.get(job.target)
    awake = node is not None and node.online
    if not awake:
        means.seen_off[job.id] = now
    return advance(
        job,
        JobState.AWAITING_READY if awake else JobState.WAKING,
        decision.message,
        vmid=job.vmid,
        source=job.source,
        target=job.target,
    )


def _has_patience(job: Job, means: Means, now: float) -> bool:
    """Whether a lock, which ends by itself as a rule, is waited for any longer."""
    began = now if job.checkpoint.step_started_at is None else job.checkpoint.step_started_at
    return now - began < means.timing.ready_timeout_seconds


def judge(order: Order, cluster: Cluster, history: History, means: Means, now: float) -> Decision:
    """What would be done about an order, and why: decide, look closely at the choice, decide again with what it told.

    Nothing is done, so this answers for a plan as well as for a job.

    Args:
        order: What was asked for.
        cluster: One look at it.
        history: Our memory, without the job that asks.
        means: What the steps work with.
        now: Unix seconds.
    """
    power = means.power()
    findings: dict[tuple[int, str | None], Refusal] = {}
    for _ in range(_MOST_LOOKS):
        decision = at_preflight(order, cluster, history, means.rules, now=now, power=power, findings=findings)
        if decision.reason not in {Reason.ACCEPTED, Reason.OBSERVE_ONLY}:
            break
        if decision.vmid is None or decision.target is None:  # nothing moves when a node is only woken
            break
        guest, target = cluster.guests[decision.vmid], cluster.nodes[decision.target]
        closer = early_look(guest, target.name, cluster, means, chosen=order.target_node is None)
        if (refusal := guest_obstacle(guest, closer, means.rules)) is not None:
            findings[guest.vmid, None] = refusal
        elif (refusal := target_obstacle(guest, target, closer, means.rules)) is not None:
            findings[guest.vmid, target.name] = refusal
        else:
            return _with_remark(decision, guest, closer)
    else:  # enough was looked at: the next choice is taken as it is, and looked at before the migration
        decision = at_preflight(order, cluster, history, means.rules, now=now, power=power, findings=findings)
    return decision


def _with_remark(decision: Decision, guest: Guest, closer: CloserLook) -> Decision:
    """The decision, saying as well what may undo it."""
    if closer.options is None or not closer.options.ha_rebalancing:
        return decision
    may = "and may move it again" if closer.options.rebalance(guest) else f"but leaves {guest.sid} where it is"
    return replace(decision, message=f"{decision.message} HA rebalances by itself {may}.")
