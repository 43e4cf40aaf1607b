"""Why something may not be: a named reason and its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actuator.policy.reasons import Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing in the way.

    Attributes:
        reason: For log, metric and API.
        message: A sentence or two for a person, with the next thing to do.
    """

    reason: Reason
    message: str
