"""The first look at the cluster: which guest, to which node, or why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.closer_look import guest_obstacle, target_obstacle
from actuator.policy.decide import at_preflight
from actuator.policy.jobs import JobState
from actuator.policy.limits import switched_off
from actuator.policy.reasons import Reason
from actuator.policy.room import ARRIVAL_SECONDS, arrivals
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
_FIGURES_PAUSE_SECONDS = 5.0
_FIGURES_LAG = "Waits until the figures of the nodes show the guests that have just come to them."


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
    known = replace(history, live_jobs=others)
    decision = judge(job.order, cluster, known, means, now)
    if decision.reason is Reason.GUEST_LOCKED and _has_patience(job, means, now):
        return stay(job, means.timing.poll_seconds, None if job.message == decision.message else decision.message)
    if _seconds(job, now) < ARRIVAL_SECONDS and _premature(decision, job.order, cluster, known, means, now):
        return stay(job, _FIGURES_PAUSE_SECONDS, None if job.message == _FIGURES_LAG else _FIGURES_LAG)
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
    awake = _awake(decision, cluster)
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
    return _seconds(job, now) < means.timing.ready_timeout_seconds


def _seconds(job: Job, now: float) -> float:
    """How long the step has lasted."""
    return 0.0 if job.checkpoint.step_started_at is None else now - job.checkpoint.step_started_at


def _premature(  # noqa: PLR0913, PLR0917 - what the decision rests on
    decision: Decision, order: Order, cluster: Cluster, history: History, means: Means, now: float
) -> bool:
    """Whether an awake node is refused only for guests that have just come to it, which its figures may show by now."""
    if decision.act:
        unclear = order.target_node is None and decision.vmid is not None and not _awake(decision, cluster)
    else:
        unclear = decision.reason in {Reason.NO_TARGET_FITS, Reason.TARGET_OVER_POWER}
    if not unclear or not arrivals(history, now):
        return False
    hopeful = judge(order, cluster, history, means, now, figures_lag=False)
    return hopeful.act and _awake(hopeful, cluster)


def _awake(decision: Decision, cluster: Cluster) -> bool:
    node = None if decision.target is None else cluster.nodes.get(decision.target)
    return node is not None and node.online


def judge(  # noqa: PLR0913 - what a decision rests on
    order: Order, cluster: Cluster, history: History, means: Means, now: float, *, figures_lag: bool = True
) -> Decision:
    """What would be done about an order, and why: decide, look closely at the choice, decide again with what it told.

    Nothing is done, so this answers for a plan as well as for a job.

    Args:
        order: What was asked for.
        cluster: One look at it.
        history: Our memory, without the job that asks.
        means: What the steps work with.
        now: Unix seconds.
        figures_lag: Guests that have just come to a node count as well as what its figures show.
    """
    power = means.power()
    arrived = arrivals(history, now) if figures_lag else {}
    findings: dict[tuple[int, str | None], Refusal] = {}
    for _ in range(_MOST_LOOKS):
        decision = at_preflight(
            order, cluster, history, means.rules, now=now, power=power, findings=findings, arrived=arrived
        )
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
        decision = at_preflight(
            order, cluster, history, means.rules, now=now, power=power, findings=findings, arrived=arrived
        )
    return decision


def _with_remark(decision: Decision, guest: Guest, closer: CloserLook) -> Decision:
    """The decision, saying as well what may undo it."""
    if closer.options is None or not closer.options.ha_rebalancing:
        return decision
    may = "and may move it again" if closer.options.rebalance(guest) else f"but leaves {guest.sid} where it is"
    return replace(decision, message=f"{decision.message} HA rebalances by itself {may}.")
