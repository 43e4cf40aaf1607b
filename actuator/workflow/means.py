"""What the steps work with: the outside world, the rules, and the memory they share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from actuator.adapters.probe import answers
from actuator.policy.power import Power

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.proxmox import Proxmox
    from actuator.adapters.store import Store
    from actuator.adapters.waking import Waker
    from actuator.policy.cluster import Cluster, Guest
    from actuator.policy.jobs import Checkpoint, Job
    from actuator.policy.rules import Rules
    from actuator.workflow.timing import Timing


@dataclass(frozen=True, slots=True)
class Means:
    """The steps' hands and eyes; all usable from several threads.

    Attributes:
        proxmox: The cluster.
        waker: How nodes are woken.
        store: Where the jobs are.
        rules: The operator's rules.
        timing: The operator's patience.
        answers: Whether something at an IP address answers on the network; gives up after a second or so.
        power: Looks at the power of nodes and guests; never raises, since what it cannot tell is merely unknown.
        epoch: That we lead in: what a step writes besides its job is refused when it is not the newest.
        woken: Job -> what is to be remembered of the newest request to wake its node, until that is written down: the
            pause between two requests holds although the disk is full.
        seen_off: Job -> when preflight, a moment ago perhaps, saw its target off.
        may_act: Asked right before what must not be done twice, since the looks before it may have hung for long: False
            when this process stops; raises `LeadershipLost` when another one leads.
    """

    proxmox: Proxmox
    waker: Waker
    store: Store
    rules: Rules
    timing: Timing
    answers: Callable[[str], bool] = answers
    power: Callable[[], Power] = Power
    epoch: int = 0
    woken: dict[str, Checkpoint] = field(default_factory=dict)
    seen_off: dict[str, float] = field(default_factory=dict)
    may_act: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Move:
    """The move that a job is about, once preflight has decided it."""

    vmid: int
    source: str
    target: str


def move_of(job: Job) -> Move:
    """The job's move.

    Raises:
        ValueError: The job has come past preflight without a decision, a defect of ours.
    """
    if job.vmid is None or job.source is None or job.target is None:
        raise ValueError(f"job {job.id} is {job.state} without a guest, a source and a target")
    return Move(job.vmid, job.source, job.target)


def target_of(job: Job) -> str:
    """The node to wake or to move to.

    Raises:
        ValueError: The job has come past preflight without a decision, a defect of ours.
    """
    if job.target is None:
        raise ValueError(f"job {job.id} is {job.state} without a target")
    return job.target


def look(job: Job, means: Means) -> tuple[Job, Cluster, Guest | None]:
    """Look at the cluster; the job remembers where its guest was seen.

    Raises:
        Temporary: Proxmox gave no usable answer now.
        Permanent: It will give none.
    """
    cluster = means.proxmox.cluster()
    guest = None if job.vmid is None else cluster.guests.get(job.vmid)
    return (job if guest is None else replace(job, guest_node=guest.node)), cluster, guest
