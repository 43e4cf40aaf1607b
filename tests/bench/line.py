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
    """

    what: str
    unit: str
    ours: float
    against: str = ""
    peer: float | None = None
    ratio: Spread | None = None
    budget: float | None = None
    aim: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None when there is none."""
        if self.budget is None:
            return None
        return (self.ours if self.ratio is None else self.ratio.median) <= self.budget
