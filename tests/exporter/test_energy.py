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
    """Whatever the load and wherever the counter stood, not one microjoule is lost or made up."""
    meter, true, now = EnergyMeter(), start % span, 50.0
    meter.advance(true % span, span, now)
    used = 0
    for seconds, watts in windows:
        step = int(watts * seconds * 1e6)
        used, true, now = used + step, true + step, now + seconds
        energy = meter.advance(true % span, span, now)
        assert energy.microjoules == used
        assert energy.watts == pytest.approx(step / 1e6 / seconds, rel=1e-6)


@given(span=SPANS, raws=st.lists(st.tuples(st.integers(-10, 10**12), st.floats(0, 10**4)), max_size=40))
def test_the_total_never_falls_and_power_is_never_absurd(span: int, raws: list[tuple[int, float]]) -> None:
    """Whatever the counter shows, resets and nonsense included, the total only grows and no window exceeds 2 kW."""
    meter, now, total = EnergyMeter(), 0.0, 0
    for raw, seconds in raws:
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


def test_no_time_between_two_readings_gives_no_power() -> None:
    """A window of no length has no mean."""
    meter = EnergyMeter()
    meter.advance(100, 10**9, 1.0)

    assert meter.advance(200, 10**9, 1.0).watts is None
    assert meter.advance(300, 10**9, 1.001).microjoules == 200
