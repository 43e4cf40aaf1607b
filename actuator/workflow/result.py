"""What a step's tick comes to: the job as it is to be saved, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from actuator.policy.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.jobs import Failure, Job
    from actuator.policy.reasons import Reason


@dataclass(frozen=True, slots=True)
class StepResult:
    """One tick's result. Nothing was written yet: the runner saves it.

    Attributes:
        job: As it is to be saved.
        after: Seconds until the next tick; 0 for at once.
        message: A new line of the job's history, or None for a silent checkpoint.
        detail: Facts that go with the message, JSON-able.
    """

    job: Job
    after: float = 0.0
    message: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


def sentence(text: str) -> str:
    """The text as a sentence: a capital letter first, a full stop last."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def stay(job: Job, after: float, message: str | None = None, **detail: object) -> StepResult:
    """Stay in the state and look again."""
    return StepResult(job, after, message, detail)


def advance(job: Job, state: JobState, message: str, **detail: object) -> StepResult:
    """Go on to the next step, at once."""
    return StepResult(replace(job, state=state), 0.0, message, detail)


def skip(job: Job, reason: Reason, message: str) -> StepResult:
    """End the job, decided against; the guest was not touched."""
    return StepResult(replace(job, state=JobState.SKIPPED, reason=reason), 0.0, message)


def cancel(job: Job) -> StepResult:
    """End the job because somebody asked for that; no migration is under way."""
    which = "a" if job.checkpoint.attempts == 0 else "another"
    message = f"Cancelled before {which} migration was asked for."
    return StepResult(replace(job, state=JobState.CANCELLED), 0.0, message)


def fail(job: Job, failure: Failure, message: str, **detail: object) -> StepResult:
    """End the job as failed."""
    return StepResult(replace(job, state=JobState.FAILED, failure=failure), 0.0, message, detail)
