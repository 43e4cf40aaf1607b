"""Unwrapping, against a model of the counter."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.energy import Energy, EnergyMeter
from exporter.readings import SourceError

SPANS = st.sampled_from([65_532_610_987, 65_712_999_613, 262_143_328_850])
# A window of at most 30 s at no more than 2 kW cannot hide a wrap in any of these ranges.
WINDOWS = st.lists(
    st.tuples(st.floats(min_value=0.01, max_value=30), st.floats(min_value=0, max_value=1999)), max_size=60
)


def advance(meter: EnergyMeter, raw: int, span: int, now: float) -> Energy | None:
    """Take one reading; None when it is refused as implausible."""
    with contextlib.suppress(SourceError):
        return meter.advance(raw, span, now)
    return None


@given(span=SPANS, start=st.integers(min_value=0), windows=WINDOWS)
def test_unwrapping_equals_a_counter_that_never_wraps(
    span: int, start: int, windows: list[tuple[float, float]]
) -> None:
    """Whatever the load, however it leaps, and wherever the counter stood: no microjoule is lost or made up."""
    meter, true, now = EnergyMeter(), start % span, 50.0
    meter.advance(true % span, span, now)
    used = 0
    for seconds, watts in windows:
        step = int(watts * seconds * 1e6)
        used, true, now = used + step, true + step, now + seconds
        energy = meter.advance(true % span, span, now)
        assert energy.microjoules == used
        assert energy.watts == pytest.approx(step / 1e6 / seconds, rel=1e-6)


@given(st.lists(st.tuples(st.integers(-10, 10**12), SPANS | st.integers(0, 10**12), st.floats(0, 10**4)), max_size=40))
def test_the_total_never_falls_and_power_is_never_absurd(readings: list[tuple[int, int, float]]) -> None:
    """Whatever counter and range say, resets and nonsense too, the total only grows and no window exceeds 2 kW."""
    meter, now, total = EnergyMeter(), 0.0, 0
    for raw, span, seconds in readings:
        now += seconds
        energy = advance(meter, raw, span, now)
        if energy is not None:
            assert energy.microjoules >= total
            assert energy.watts is None or 0 <= energy.watts <= 2000
            total = energy.microjoules


def test_the_first_reading_has_no_power() -> None:
    """Power takes two readings: the first gives none, and not 0."""
    energy = EnergyMeter().advance(5_000_000, 10**11, 1.0)

    assert energy.watts is None
    assert energy.microjoules == 0


@given(gap=st.floats(min_value=51, max_value=10**6))
def test_a_gap_that_may_hide_a_wrap_starts_anew(gap: float) -> None:
    """After a gap longer than half a wrap at 1 kW nothing is guessed, and the next window counts again."""
    meter, span = EnergyMeter(), 10**11  # 100 kJ: 50 s
    meter.advance(10**9, span, 0.0)
    with pytest.raises(SourceError, match="a wrap may hide"):
        meter.advance(2 * 10**9, span, gap)
    after = meter.advance(2 * 10**9 + 10_000_000, span, gap + 1)

    assert after.microjoules == 10_000_000
    assert after.watts == pytest.approx(10.0)


def test_a_reset_is_not_taken_for_a_wrap() -> None:
    """A counter that starts again from zero after little use does not add its whole range."""
    meter = EnergyMeter()
    meter.advance(1_000_000_000, 262_143_328_850, 0.0)
    with pytest.raises(SourceError, match="it was reset"):
        meter.advance(0, 262_143_328_850, 5.0)

    assert meter.advance(50_000_000, 262_143_328_850, 6.0).microjoules == 50_000_000


def test_a_wrap_under_a_leaping_load_is_one() -> None:
    """From nearly nothing to a kilowatt within a window: without a suspend a fall is a wrap."""
    meter, span = EnergyMeter(), 65_532_610_987
    meter.advance(span - 10_000_000, span, 0.0)
    meter.advance(span - 5_000_000, span, 5.0)

    assert meter.advance(4_995_000_000, span, 10.0) == Energy(5_005_000_000, 1000.0)


def test_a_range_that_changes_starts_anew() -> None:
    """A smaller range while the counter falls is no negative power; what was counted so far stands."""
    meter = EnergyMeter()
    meter.advance(900_000_000_000, 10**12, 0.0)
    meter.advance(900_100_000_000, 10**12, 5.0)
    with pytest.raises(SourceError, match="range changed"):
        meter.advance(100_000_000, 65_532_610_987, 10.0)

    assert meter.advance(150_000_000, 65_532_610_987, 15.0) == Energy(150_000_000, 10.0)


def test_no_time_between_two_readings_gives_no_power() -> None:
    """A window of no length has no mean."""
    meter = EnergyMeter()
    meter.advance(100, 10**9, 1.0)

    assert meter.advance(200, 10**9, 1.0).watts is None
    assert meter.advance(300, 10**9, 1.001).microjoules == 200


@pytest.mark.parametrize("asleep", [1.0, 15.0])
def test_a_fall_across_a_suspend_is_not_guessed_at(asleep: float) -> None:
    """The counter may have been reset or have wrapped: counting starts anew, the total stands."""
    meter, span = EnergyMeter(longest_window=12.0), 262_143_328_850
    meter.advance(255_000_000_000, span, 0.0, 3600.0)
    meter.advance(255_050_000_000, span, 5.0, 3600.0)
    with pytest.raises(SourceError, match="has wrapped or was reset"):
        meter.advance(1_000_000_000, span, 10.0 + asleep, 3600.0 + asleep)

    assert meter.advance(1_100_000_000, span, 15.0 + asleep, 3600.0 + asleep) == Energy(150_000_000, 20.0)


def test_a_fall_after_a_pause_without_a_suspend_is_a_wrap() -> None:
    """A reader that was held up for a while, and for less than a wrap takes, has lost nothing."""
    meter, span = EnergyMeter(longest_window=12.0), 262_143_328_850
    meter.advance(262_000_000_000, span, 0.0)

    assert meter.advance(856_671_150, span, 25.0) == Energy(1_000_000_000, None)


def test_a_rise_after_a_long_pause_is_counted() -> None:
    """A counter that went on, for no longer than a wrap takes, has lost nothing; its mean is no present power."""
    meter = EnergyMeter(longest_window=12.0)
    meter.advance(0, 262_143_328_850, 0.0)

    assert meter.advance(2_000_000_000, 262_143_328_850, 100.0) == Energy(2_000_000_000, None)
    assert meter.advance(2_060_000_000, 262_143_328_850, 112.0) == Energy(2_060_000_000, 5.0)


@given(
    span=SPANS,
    gap=st.floats(min_value=12.01, max_value=10**6),
    before=st.integers(0, 65_000_000_000),
    after=st.integers(0, 65_000_000_000),
)
def test_no_suspend_makes_energy_up(span: int, gap: float, before: int, after: int) -> None:
    """Whether a suspend left the counter running, stopped or at zero, no more is counted than it visibly rose by."""
    meter = EnergyMeter(longest_window=12.0)
    meter.advance(before, span, 0.0)
    energy = None
    with contextlib.suppress(SourceError):
        energy = meter.advance(after, span, gap, gap - 5.0)

    assert energy is None or energy.microjoules == after - before


def test_another_counter_adds_nothing_by_its_place() -> None:
    """When a zone is read by another counter, that one's value is only where counting goes on from."""
    meter, span = EnergyMeter(), 10**11
    meter.advance(0, span, 0.0)
    meter.advance(10_000_000, span, 1.0)
    meter.start_anew()

    assert meter.advance(90_000_000_000, span, 2.0) == Energy(10_000_000, None)
    assert meter.advance(90_005_000_000, span, 3.0) == Energy(15_000_000, 5.0)


def test_integers_stay_exact_for_years() -> None:
    """A counter whose every window adds one microjoule loses none after ten years at a kilowatt."""
    meter, span = EnergyMeter(), 2**63
    ten_years = 1000 * 10**6 * 86_400 * 3_650
    meter.advance(0, span, 0.0)
    meter.advance(ten_years, span, 86_400.0 * 3_650)

    assert meter.advance(ten_years + 1, span, 86_400.0 * 3_650 + 1).microjoules == ten_years + 1
