"""An episode: one firing of one alert, from its start until it resolves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actuator.policy.orders import Order
    from actuator.policy.reasons import Reason


@dataclass(frozen=True, slots=True)
class PowerAlert:
    """One alert of a webhook body, reduced to what the actuator obeys.

    Attributes:
        fingerprint: Alertmanager's hash of the label set.
        starts_at: When this firing began, unix seconds; with the fingerprint, the episode's identity.
        firing: The alert's own status, never its group's.
        alertname: For messages.
        order: What its labels ask for, or None when they ask for nothing understood.
        refusal: With no order: the reason and a sentence saying which label is wrong and what was expected.
    """

    fingerprint: str
    starts_at: float
    firing: bool
    alertname: str
    order: Order | None
    refusal: tuple[Reason, str] | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """What is remembered of one firing of one alert.

    Attributes:
        id: Our key.
        fingerprint: With ``starts_at`` the identity that Alertmanager gives.
        starts_at: Unix seconds.
        alertname: For people.
        first_seen_at: When we heard of it first, unix seconds.
        last_seen_at: When we heard of it last, unix seconds.
        resolved_at: When we heard that it resolved, or None.
        reason: The newest decision about it.
        message: That decision as a sentence.
    """

    id: str
    fingerprint: str
    starts_at: float
    alertname: str
    first_seen_at: float
    last_seen_at: float
    resolved_at: float | None
    reason: Reason
    message: str
