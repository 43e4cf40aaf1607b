"""Whatever ipmitool prints, no figure is published that breaks a law, and none that the whole answer does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.child import Ended
from exporter.readings import Reason, Sample, SourceError
from exporter.sources.dcmi import ACTIVE, AVERAGE_WATTS, MAX_WATTS, MIN_WATTS, PERIOD, WATTS, judge
from exporter.sources.dcmi_answer import PowerReading, parse
from tests.exporter.recordings import ipmitool

RECORDINGS = ("active", "activezero", "deact", "ccc1", "ccd4")
TARGET = ("bmc1",)
FIGURES = (WATTS, MIN_WATTS, MAX_WATTS, AVERAGE_WATTS)

words = st.sampled_from([0, 1, 28, 201, 212, 462, 1543, 0x7FFF, 0xFFFE, 0xFFFF, 0x10000, 10**19]) | st.integers(
    0, 70000
)
figures = st.fixed_dictionaries(dict.fromkeys(FIGURES, words))
# Four figures at random are seldom in order; these always are, and so are believed.
orderly = st.lists(words, min_size=4, max_size=4).map(
    lambda drawn: dict(zip((MIN_WATTS, AVERAGE_WATTS, WATTS, MAX_WATTS), sorted(drawn), strict=True))
)
readings = st.builds(PowerReading, figures | orderly, st.integers(0, 2**33), st.booleans())


def shown(ended: Ended, *, on: bool = True) -> Sample | None:
    """Return what would be published of an answer; None when it is an error."""
    try:
        return judge(parse(ended), TARGET, lambda: on)
    except SourceError:
        return None


def check(sample: Sample, *, on: bool) -> None:
    """Hold what is published to the laws of a power meter."""
    figures = {reading.family: reading.value for reading in sample.readings}
    assert len(figures) == len(sample.readings)
    assert {reading.labels for reading in sample.readings} <= {TARGET}
    assert sample.up is (WATTS in figures) is not bool(sample.failures)
    if not sample.up:
        assert figures.keys() == {ACTIVE}
        assert {failure.reason for failure in sample.failures} <= {Reason.INACTIVE, Reason.IMPLAUSIBLE}
        return
    assert figures[ACTIVE] == 1
    assert 0 <= figures[WATTS] < 0xFFFF
    assert figures[WATTS] > 0 or not on
    kept = [figures[name] for name in (MIN_WATTS, AVERAGE_WATTS, MAX_WATTS) if name in figures]
    assert kept == sorted(kept)
    assert all(0 < figure < 0xFFFF for figure in kept)
    assert figures[WATTS] <= figures.get(MAX_WATTS, 0xFFFF) * 1.1
    assert not figures[WATTS] or figures[WATTS] * 1.1 >= figures.get(MIN_WATTS, 0)
    assert 0 < figures.get(PERIOD, 1) <= 2**32 / 1000


@given(readings, st.booleans())
def test_what_is_published_keeps_the_laws(reading: PowerReading, on: bool) -> None:  # noqa: FBT001 - drawn
    """Figures in order, within sixteen bits, above zero while the machine is on; all of them, or a reason for none."""
    check(judge(reading, TARGET, lambda: on), on=on)


@given(readings)
def test_a_figure_is_the_meters_own(reading: PowerReading) -> None:
    """Nothing is rounded, scaled or mended: what is published stands in the answer."""
    for published in judge(reading, TARGET, lambda: True).readings:
        if published.family in FIGURES:
            assert published.value == reading.watts[published.family]


def test_whether_the_machine_is_on_is_asked_only_for_zero_watts() -> None:
    """It costs a second command."""

    def is_on() -> bool:
        raise AssertionError("asked")

    assert judge(parse(ipmitool("active")), TARGET, is_on).up
    assert not judge(parse(ipmitool("deact")), TARGET, is_on).up
    with pytest.raises(AssertionError, match="asked"):
        judge(parse(ipmitool("activezero")), TARGET, is_on)


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("status", [0, 1])
def test_no_recording_cut_anywhere_shows_another_figure(name: str, status: int) -> None:
    """After any byte, from either end: what the whole gives, or nothing."""
    whole = ipmitool(name)
    right = shown(whole)
    for length in range(len(whole.text) + 1):
        for text in (whole.text[:length], whole.text[length:]):
            sample = shown(replace(whole, text=text, status=status))
            assert sample is None or sample == right


@given(
    st.sampled_from(RECORDINGS), st.integers(0, 600), st.integers(0, 60), st.text(max_size=20), st.sampled_from([0, 1])
)
def test_a_recording_with_a_piece_replaced_keeps_the_laws(
    name: str, cut: int, length: int, piece: str, status: int
) -> None:
    """Garbage in the middle of an answer makes no figure that could not be."""
    whole = ipmitool(name)
    sample = shown(replace(whole, text=whole.text[:cut] + piece + whole.text[cut + length :], status=status))
    if sample is not None:
        check(sample, on=True)


@given(st.binary(max_size=400), st.sampled_from([0, 1, -9]))
def test_noise_is_never_power(noise: bytes, status: int) -> None:
    """Bytes that are no answer give none."""
    assert shown(Ended(noise.decode(errors="replace"), status, 0.1)) is None
