"""The benchmark's statistics and verdicts are right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.latency import Comparison
from tests.bench.line import Line
from tests.bench.spread import Spread, percentile, ratios, spread

TIMES = st.lists(st.floats(0.001, 1000.0), min_size=1)


def test_a_spread_is_median_least_and_most() -> None:
    """The median of an even number of rounds lies between the two in the middle."""
    assert spread([4.0, 1.0, 3.0]) == Spread(3.0, 1.0, 4.0)
    assert spread([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)


def test_ratios_are_taken_round_by_round() -> None:
    """A round in which the machine was three times as slow for both has the same ratio as the others."""
    assert ratios([1.0, 3.0, 1.0], [2.0, 6.0, 2.0]) == Spread(0.5, 0.5, 0.5)


def test_rounds_that_are_no_pairs_are_refused() -> None:
    """A ratio of rounds that have no counterpart would be of other moments; without rounds there is none."""
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="one round"):
        ratios([], [])


def test_a_percentile_is_one_of_the_values() -> None:
    """Nearest rank: of a thousand scrapes, ten may be slower than p99."""
    values = [float(value) for value in range(1000, 0, -1)]

    assert [percentile(values, percent) for percent in (50, 99, 99.9, 100)] == [500.0, 990.0, 999.0, 1000.0]


@given(values=TIMES, percent=st.floats(0.1, 100.0))
def test_a_percentile_divides_the_values(values: list[float], percent: float) -> None:
    """At least so many percent are not above it, and fewer than that are below it."""
    found = percentile(values, percent)

    assert sum(value <= found for value in values) >= len(values) * percent / 100
    assert sum(value < found for value in values) < len(values) * percent / 100


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_of_nothing_is_refused(values: list[float], percent: float) -> None:
    """There is no figure to give."""
    with pytest.raises(ValueError, match=r"no .* of"):
        percentile(values, percent)


def test_a_comparison_gives_p50_and_p99() -> None:
    """Seconds in, milliseconds out, and the ratio of each round's percentiles."""
    ours = [[0.25] * 98 + [1.0] * 2, [0.5] * 98 + [2.0] * 2]
    peers = [[0.125] * 98 + [0.25] * 2, [0.25] * 98 + [0.5] * 2]
    p50, p99 = Comparison("scrape", "theirs", budget=2.0).lines(ours, peers)

    assert (p50.what, p50.ours, p50.peer, p50.ratio, p50.met) == (
        "scrape, p50",
        375.0,
        187.5,
        Spread(2.0, 2.0, 2.0),
        True,
    )
    assert (p99.what, p99.ratio, p99.met) == ("scrape, p99", Spread(4.0, 4.0, 4.0), False)


@pytest.mark.parametrize(
    ("line", "met"),
    [
        (Line("a", "ms", 9.0, "b", 9.0, Spread(1.0, 0.5, 1.5), budget=1.0), True),  # its median counts, not its worst
        (Line("a", "ms", 9.0, "b", 9.0, Spread(1.01, 0.5, 1.5), budget=1.0), False),
        (Line("a", "", 1.0, budget=1.0), True),
        (Line("a", "", 2.0, budget=1.0), False),
        (Line("a", "", 2.0), None),
        (Line("a", "ms", 9.0, "b", 3.0, Spread(3.0, 2.0, 4.0), limit=9.0), True),
        (Line("a", "ms", 9.1, "b", 3.0, Spread(3.0, 2.0, 4.0), limit=9.0), False),
        (Line("a", "ms", 9.0, "b", 3.0, Spread(3.0, 2.0, 4.0), budget=2.0, limit=9.0), False),
    ],
)
def test_a_budget_is_kept_up_to_its_limit(line: Line, met: bool | None) -> None:  # noqa: FBT001 - a case's outcome
    """A budget by the ratio where there is one, a limit by the figure itself; without either there is no verdict."""
    assert line.met is met
