"""What became of one alert or order."""

from dataclasses import dataclass

from actuator.policy.reasons import Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one alert or order.

    Attributes:
        reason: The decision; None when there was nothing to decide, as for an alert that resolved.
        message: The same as a sentence.
        job_id: The job that was begun, or the live one that stood in the way; None when there is none.
        fingerprint: The alert's; None for an order by hand.
    """

    reason: Reason | None
    message: str
    job_id: str | None = None
    fingerprint: str | None = None
