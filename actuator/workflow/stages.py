"""The stages of getting up, in their order: what each is, and where to look when it does not come.

Awake is not ready. Which of them a node has reached, and when, is kept on the job that waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.policy.jobs import Checkpoint, Job


class Stage(StrEnum):
    """A stage; each supposes those before, but for the first two, which are seen only where somebody can tell."""

    POWERED = "powered"  # a BMC says so
    ANSWERS = "answers"  # a TCP port at its address does
    MEMBER = "member"
    QUORATE = "quorate"
    API = "api"
    STORAGE = "storage"
    HA = "ha"  # for guests that HA manages


REACHED = {
    Stage.POWERED: "node {node} has power",
    Stage.ANSWERS: "node {node} answers on its network, but has not joined the cluster yet",
    Stage.MEMBER: "node {node} is a member of the cluster",
    Stage.QUORATE: "the cluster is quorate",
    Stage.API: "the API of {node} answers",
    Stage.STORAGE: "the storages on {node} are active",
    Stage.HA: "HA sees {node} online",
}
"""What it means that a stage is reached, as the beginning of a sentence."""

STUCK = {
    Stage.MEMBER: "it had joined the cluster and left it again",
    Stage.QUORATE: "it has joined, but the cluster has no quorum",
    Stage.API: "it has joined a quorate cluster, but its API does not answer",
    Stage.STORAGE: "its API is up, but storages are missing",
    Stage.HA: "its storages are active, but HA does not see it online",
}
"""What it means that a stage is the first that lacks, once the node had joined."""

ADVICE = {
    Stage.MEMBER: "Look at its console and at `journalctl -u corosync` there.",
    Stage.QUORATE: "Look at `pvecm status`: nodes that are off count against the quorum.",
    Stage.API: "Look at `systemctl status pveproxy pvedaemon` there.",
    Stage.STORAGE: "Look at `pvesm status` there.",
    Stage.HA: "Look at `ha-manager status`: it may be in maintenance, or its local resource manager does not run.",
}


def recorded(job: Job, reached: Iterable[Stage], now: float) -> tuple[Job, list[Stage]]:
    """The job with the time of each stage's first sight, and the stages that are new."""
    known = job.checkpoint.stages
    news = [stage for stage in reached if stage.value not in known]
    if not news:
        return job, news
    stages = {**known, **{stage.value: now for stage in news}}
    return replace(job, checkpoint=replace(job.checkpoint, stages=stages)), news


def withdrawn(job: Job, stage: Stage) -> Job:
    """The job without a stage that turned out not to hold."""
    stages = {name: at for name, at in job.checkpoint.stages.items() if name != stage.value}
    return replace(job, checkpoint=replace(job.checkpoint, stages=stages))


def seconds(checkpoint: Checkpoint) -> dict[str, float]:
    """How long after the first request to wake each stage was first seen; empty when nobody was asked to wake."""
    asked_at = checkpoint.asked_at
    if asked_at is None:
        return {}
    return {stage: round(max(0.0, at - asked_at), 3) for stage, at in checkpoint.stages.items()}
