"""Awake is not ready.

A node can take a guest when it is a member of the cluster, the cluster is quorate, its own API answers and its storages
are active; and for a guest under HA, when HA sees the node online.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.cluster import UNMANAGED
from actuator.policy.jobs import Failure, JobState
from actuator.policy.orders import Action
from actuator.workflow.means import look, target_of
from actuator.workflow.result import advance, fail, sentence, stay
from actuator.workflow.stages import ADVICE, REACHED, STUCK, Stage, recorded, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.policy.cluster import Cluster, Guest
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means
    from actuator.workflow.result import StepResult

_HASTE = 0.5
"""Of the pause between two looks: with the node up, nothing but ours keeps the migration from being asked for."""


def await_ready(job: Job, means: Means, now: float) -> StepResult:
    """See how far the target is. For an order to wake, ready is the end."""
    target = target_of(job)
    job, cluster, guest = look(job, means)
    reached: list[Stage] = []
    lacking: tuple[Stage, str] | None = None
    for stage, holds, remark in _stages(target, cluster, guest, means):
        if not holds:
            lacking = stage, remark
            break
        reached.append(stage)
    job, news = recorded(job, reached, now)
    message = sentence("; ".join(REACHED[stage].format(node=target) for stage in news)) if news else None
    times = {"stages": dict(job.checkpoint.stages), "seconds": seconds(job.checkpoint)}
    if lacking is None:
        if job.order.action is Action.WAKE:
            return advance(job, JobState.SUCCEEDED, f"Node {target} is awake and ready.", **times)
        return advance(job, JobState.MIGRATING, f"Node {target} is ready.", **times)
    patience = means.timing.ready_timeout_seconds
    began = now if job.checkpoint.step_started_at is None else job.checkpoint.step_started_at
    if now - began >= patience:
        stage, remark = lacking
        return fail(
            job,
            Failure.NEVER_READY,
            f"Node {target} did not get ready in {patience:.0f} s: {STUCK[stage]}{remark}. {ADVICE[stage]}",
            stage=str(stage),
            **times,
        )
    return stay(job, _HASTE * means.timing.poll_seconds, message, **times)


def _stages(target: str, cluster: Cluster, guest: Guest | None, means: Means) -> Iterator[tuple[Stage, bool, str]]:
    """The stages in their order: name, whether it holds now, a remark. Each is looked at only when asked for."""
    node = cluster.nodes.get(target)
    yield Stage.MEMBER, node is not None and node.online, ""
    yield Stage.QUORATE, cluster.quorate, ""
    yield Stage.API, means.proxmox.api_answers(target), ""
    inactive = _inactive_storages(target, guest, means)
    yield Stage.STORAGE, not inactive, f" (not yet: {', '.join(inactive)})"
    if guest is not None and guest.ha_state not in UNMANAGED and node is not None:
        yield Stage.HA, node.ha_state in {None, "online"}, f" (it says {node.ha_state})"  # old versions say nothing


def _inactive_storages(target: str, guest: Guest | None, means: Means) -> list[str]:
    """The target's storages that are waited for: those of the guest's disks, or all when there is no guest.

    A storage that the token may not see is not waited for: whether it fits is told by the preconditions.
    """
    inactive = [storage.name for storage in means.proxmox.storages(target) if not storage.active]
    if not inactive or guest is None:
        return inactive
    needed = means.proxmox.disk_storages(guest.node, guest.vmid, guest.kind)
    return [name for name in inactive if name in needed]
