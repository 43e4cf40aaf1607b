"""The first look at the cluster: which guest, to which node, or why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.decide import at_preflight
from actuator.policy.jobs import JobState
from actuator.workflow.means import look
from actuator.workflow.result import advance, skip

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult


def preflight(job: Job, means: Means, now: float) -> StepResult:
    """Decide with Proxmox's view what intake could not; nothing is done yet."""
    job, cluster, _ = look(job, means)
    history = means.store.history(now, job.episode_id)
    for name in history.quarantined:
        if name in cluster.nodes and cluster.nodes[name].online:
            means.store.clear_quarantine(name, now)  # what was seen awake can be trusted again
    others = tuple(other for other in history.live_jobs if other.id != job.id)
    decision = at_preflight(job.order, cluster, replace(history, live_jobs=others), means.rules, now=now)
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
    return advance(
        job,
        JobState.AWAITING_READY if awake else JobState.WAKING,
        decision.message,
        vmid=job.vmid,
        source=job.source,
        target=job.target,
    )
