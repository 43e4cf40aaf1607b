"""One line of the benchmark's result: a figure of ours beside the peer's, and what it has to keep to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.spread import Spread


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured.

    Attributes:
        what: What, and under which conditions.
        unit: Unit of both figures; empty for a count.
        ours: Our figure.
        against: What it is compared with; empty when it stands alone.
        peer: The figure of that.
        ratio: ours / peer, with its spread.
        budget: The most that the ratio's median may be, or, without a ratio, that our figure may be; None: no budget.
        aim: What we would like the ratio to be.
        limit: The most that our figure may be, whatever the ratio; None: no limit.
    """

    what: str
    unit: str
    ours: float
    against: str = ""
    peer: float | None = None
    ratio: Spread | None = None
    budget: float | None = None
    aim: float | None = None
    limit: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether budget and limit are kept; None when there is neither."""
        if self.budget is None and self.limit is None:
            return None
        compared = self.ours if self.ratio is None else self.ratio.median
        return (self.budget is None or compared <= self.budget) and (self.limit is None or self.ours <= self.limit)
