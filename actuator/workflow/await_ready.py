"""Awake is not ready.

A node can take a guest when it is a member of the cluster, the cluster is quorate, its own API answers and its storages
are active; and for a guest under HA, when HA sees the node online.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.policy.cluster import UNMANAGED
from actuator.policy.jobs import Failure, JobState
from actuator.policy.orders import Action
from actuator.workflow.means import look, target_of
from actuator.workflow.result import advance, fail, sentence, stay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.policy.cluster import Cluster, Guest
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult

_STAGES = {
    "member": "node {node} is a member of the cluster",
    "quorate": "the cluster is quorate",
    "api": "the API of {node} answers",
    "storage": "the storages on {node} are active",
    "ha": "HA sees {node} online",
}
_ADVICE = {
    "member": "It left the cluster again: look at its console and at `journalctl -u corosync` there.",
    "quorate": "Look at `pvecm status`: nodes that are off count against the quorum.",
    "api": "Look at `systemctl status pveproxy pvedaemon` there.",
    "storage": "Look at `pvesm status` there.",
    "ha": "Look at `ha-manager status`: it may be in maintenance, or its local resource manager does not run.",
}


def await_ready(job: Job, means: Means, now: float) -> StepResult:
    """See how far the target is. For an order to wake, ready is the end."""
    target = target_of(job)
    job, cluster, guest = look(job, means)
    reached: list[str] = []
    lacking: tuple[str, str] | None = None
    for stage, holds, remark in _stages(target, cluster, guest, means):
        if not holds:
            lacking = stage, remark
            break
        reached.append(stage)
    job, news = _recorded(job, reached, now)
    message = sentence("; ".join(_STAGES[stage].format(node=target) for stage in news)) if news else None
    if lacking is None:
        if job.order.action is Action.WAKE:
            return advance(
                job, JobState.SUCCEEDED, f"Node {target} is awake and ready.", stages=dict(job.checkpoint.stages)
            )
        return advance(job, JobState.MIGRATING, f"Node {target} is ready.", stages=dict(job.checkpoint.stages))
    patience = means.timing.ready_timeout_seconds
    began = now if job.checkpoint.step_started_at is None else job.checkpoint.step_started_at
    if now - began >= patience:
        stage, remark = lacking
        condition = _STAGES[stage].format(node=target)
        return fail(
            job,
            Failure.NEVER_READY,
            f"Node {target} did not get ready in {patience:.0f} s: it is still awaited that {condition}{remark}. "
            f"{_ADVICE[stage]}",
            stage=stage,
        )
    return stay(job, means.timing.poll_seconds, message, stages=dict(job.checkpoint.stages))


def _stages(target: str, cluster: Cluster, guest: Guest | None, means: Means) -> Iterator[tuple[str, bool, str]]:
    """The stages in their order: name, whether it holds now, a remark. Each is looked at only when asked for."""
    node = cluster.nodes.get(target)
    yield "member", node is not None and node.online, ""
    yield "quorate", cluster.quorate, ""
    yield "api", means.proxmox.api_answers(target), ""
    inactive = _inactive_storages(target, guest, means)
    yield "storage", not inactive, f" (not yet: {', '.join(inactive)})"
    if guest is not None and guest.ha_state not in UNMANAGED and node is not None:
        yield "ha", node.ha_state in {None, "online"}, f" (it says {node.ha_state})"  # old versions say nothing


def _inactive_storages(target: str, guest: Guest | None, means: Means) -> list[str]:
    """The target's storages that are waited for: those of the guest's disks, or all when there is no guest.

    A storage that the token may not see is not waited for: whether it fits is told by the preconditions.
    """
    inactive = [storage.name for storage in means.proxmox.storages(target) if not storage.active]
    if not inactive or guest is None:
        return inactive
    needed = means.proxmox.disk_storages(guest.node, guest.vmid, guest.kind)
    return [name for name in inactive if name in needed]


def _recorded(job: Job, reached: list[str], now: float) -> tuple[Job, list[str]]:
    """The job with the time of each stage's first sight, and the stages that are new."""
    known = job.checkpoint.stages
    news = [stage for stage in reached if stage not in known]
    if not news:
        return job, news
    stages = {**known, **dict.fromkeys(news, now)}
    return replace(job, checkpoint=replace(job.checkpoint, stages=stages)), news
