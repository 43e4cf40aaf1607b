"""Statistics of the benchmark: percentiles, and a figure with its spread over rounds. Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure seen in several rounds: the median of the rounds, and the least and the most of them."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of one figure's rounds.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("a spread needs one round at least")
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], peers: Sequence[float]) -> Spread:
    """Return ours / peer's round by round: what both rounds suffered from drops out.

    Raises:
        ValueError: the rounds are not pairs, or there are none.
    """
    return spread([mine / other for mine, other in zip(ours, peers, strict=True)])


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of ``values`` that at least ``percent`` of them do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or ``percent`` is not above 0 and at most 100.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError(f"no {percent} % of {len(values)} values")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
