"""How long each step of a job took, from its history. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from actuator.policy.jobs import TERMINAL, Job, JobEvent, JobState
from actuator.policy.orders import Action

_STEPS = {
    Action.MIGRATE: (
        JobState.PREFLIGHT,
        JobState.WAKING,
        JobState.AWAITING_READY,
        JobState.MIGRATING,
        JobState.VERIFYING,
    ),
    Action.WAKE: (JobState.PREFLIGHT, JobState.WAKING, JobState.AWAITING_READY),
}


class Standing(StrEnum):
    """Where a step stands."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"
    PASSED_OVER = "not needed"
    ENDED_HERE = "ended here"
    NEVER_BEGUN = "never begun"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job.

    Attributes:
        state: Its name.
        standing: Where it stands.
        seconds: How long it took, or has taken so far; None when it never began.
    """

    state: JobState
    standing: Standing
    seconds: float | None


def steps(job: Job, events: Sequence[JobEvent], now: float) -> list[Step]:
    """Return the steps of a job, those ahead of it included.

    Args:
        job: It.
        events: Its history, oldest first.
        now: Unix seconds.
    """
    taken = _seconds(events, now if job.live else None)
    mine = _STEPS[job.order.action]
    last = max((index for index, state in enumerate(mine) if state in taken), default=-1)
    return [
        Step(state, _standing(job, taken=state in taken, before=index < last, last=index == last), taken.get(state))
        for index, state in enumerate(mine)
    ]


def rough_steps(job: Job) -> list[Step]:
    """Return the same for a live job by its state alone, which tells no times."""
    mine = _STEPS[job.order.action]
    at = mine.index(job.state) if job.state in mine else -1
    taken = {state for state in mine[: at + 1] if state is not JobState.WAKING or job.checkpoint.woken or at == 1}
    return [
        Step(state, _standing(job, taken=state in taken, before=index < at, last=index == at), None)
        for index, state in enumerate(mine)
    ]


def _standing(job: Job, *, taken: bool, before: bool, last: bool) -> Standing:
    if before:
        return Standing.DONE if taken else Standing.PASSED_OVER
    if last and job.state is not JobState.SUCCEEDED:
        return Standing.NOW if job.live else Standing.ENDED_HERE
    if last:
        return Standing.DONE
    return Standing.AHEAD if job.live else Standing.NEVER_BEGUN


def _seconds(events: Sequence[JobEvent], now: float | None) -> dict[JobState, float]:
    begun = [(state, next(group).at) for state, group in groupby(events, key=lambda event: event.state)]
    ends = [at for _, at in begun[1:]] + [begun[-1][1] if now is None else now] if begun else []
    taken: dict[JobState, float] = {}
    for (state, at), end in zip(begun, ends, strict=True):
        if state not in TERMINAL:
            taken[state] = taken.get(state, 0.0) + max(0.0, end - at)
    return taken
