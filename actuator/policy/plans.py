"""What would be done about an order, were it given now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actuator.policy.decide import Decision


@dataclass(frozen=True, slots=True)
class PlanPower:
    """What is known of the power of those concerned, in watts; None where it is not.

    Attributes:
        guest_watts: Estimate for the guest.
        source_watts: The node it would leave.
        target_watts: The node it would go to.
        target_threshold_watts: What would be too much for that one.
    """

    guest_watts: float | None = None
    source_watts: float | None = None
    target_watts: float | None = None
    target_threshold_watts: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and why.

    Attributes:
        decision: As the job's preflight would take it.
        wakes: Whether a node would be woken for it.
        power: What is known of it, or None when nothing is.
    """

    decision: Decision
    wakes: bool = False
    power: PlanPower | None = None
