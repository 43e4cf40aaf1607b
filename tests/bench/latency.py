"""How long a scrape takes: two exporters in turns, so that what the machine does meanwhile hits both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.line import Line
from tests.bench.spread import percentile, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.scraper import Scraped

_TURN = 50  # scrapes in a row of one exporter, before it is the other's turn
_MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared with what, and the budget for it."""

    what: str
    against: str
    budget: float
    aim: float | None = None

    def lines(self, ours: Sequence[Sequence[float]], peers: Sequence[Sequence[float]]) -> list[Line]:
        """Return p50 and p99 of the rounds' scrapes, given in seconds."""
        return [self._line(percent, ours, peers) for percent in (50, 99)]

    def _line(self, percent: int, ours: Sequence[Sequence[float]], peers: Sequence[Sequence[float]]) -> Line:
        mine = [percentile(times, percent) for times in ours]
        others = [percentile(times, percent) for times in peers]
        return Line(
            what=f"{self.what}, p{percent}",
            unit="ms",
            ours=spread(mine).median * _MILLISECONDS,
            against=self.against,
            peer=spread(others).median * _MILLISECONDS,
            ratio=ratios(mine, others),
            budget=self.budget,
            aim=self.aim,
        )


def in_turns(
    first: Callable[[], Scraped], second: Callable[[], Scraped], rounds: int, scrapes: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Return the seconds of so many scrapes of each in every round; one round more, before them, warms both up."""
    times: tuple[list[list[float]], list[list[float]]] = ([], [])
    for _ in range(rounds + 1):
        ours: list[float] = []
        peers: list[float] = []
        while len(ours) < scrapes:
            ours += [first().seconds for _ in range(_TURN)]
            peers += [second().seconds for _ in range(_TURN)]
        times[0].append(ours)
        times[1].append(peers)
    return times[0][1:], times[1][1:]
