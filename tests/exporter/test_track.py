"""One source's record, with time handed in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.readings import Failure, Reason, Sample, SourceError
from exporter.track import Track
from tests.exporter.worlds import FakeSource, power

MISSING = SourceError(Reason.MISSING, "not there")


def track(interval: float = 5.0, deadline: float = 2.0) -> Track:
    """Return the record of a source that is never really read."""
    return Track(FakeSource(lambda: power(1.0), interval=interval, deadline=deadline))


def step(record: Track, result: Sample | SourceError, now: float) -> None:
    """Begin a read at ``now`` and finish it half a second later."""
    record.begin(now)
    record.finish(result, now + 0.5, wall=1e9 + now)


def test_before_the_first_read_nothing_is_known() -> None:
    """No health is invented: not up, not down, no duration, no errors."""
    state = track().state(0.0, 30.0)

    assert (state.up, state.duration, state.last_success) == (None, None, None)
    assert set(state.errors.values()) == {0}


def test_a_good_read() -> None:
    """Figures, health and the usual pause."""
    record = track()
    step(record, power(42.0), 100.0)
    state = record.state(101.0, 30.0)

    assert state.up is True
    assert [reading.value for reading in state.readings] == [42.0]
    assert state.last_success == 1e9 + 100
    assert state.duration == pytest.approx(0.5)
    assert record.pause() == 5.0


def test_figures_outlive_a_failed_read_but_not_their_age() -> None:
    """One lost answer does not make the figure vanish; too old a figure does."""
    record = track()
    step(record, power(42.0), 100.0)
    step(record, MISSING, 105.0)

    assert record.state(130.4, 30.0).up is False
    assert record.state(130.4, 30.0).readings
    assert record.state(130.6, 30.0).readings == ()
    assert record.state(130.4, 30.0).last_success == 1e9 + 100


def test_figures_that_were_old_when_they_were_read_go_the_sooner() -> None:
    """Their age counts from when they were true, not from when they were read."""
    record = track()
    step(record, replace(power(42.0), age=5.0), 100.0)

    assert record.state(125.4, 30.0).readings
    assert record.state(125.6, 30.0).readings == ()


def test_an_answer_without_power_replaces_the_figures() -> None:
    """A meter that says it is inactive takes its old figures back, and the source is down."""
    record = track()
    step(record, power(42.0), 100.0)
    step(record, Sample((), (Failure(Reason.INACTIVE, "off"),), up=False), 105.0)
    state = record.state(106.0, 30.0)

    assert state.up is False
    assert state.readings == ()
    assert state.errors[Reason.INACTIVE] == 1


def test_an_answer_without_power_keeps_the_pace() -> None:
    """A meter that answers is asked as often as ever: a longer window would hide a wrap of an energy counter."""
    record = track()
    for number in range(8):
        step(record, Sample((), (Failure(Reason.IMPLAUSIBLE, "stood still"),), up=False), 100.0 + number)

        assert record.pause() == 5.0


def test_a_part_that_fails_is_counted_while_the_source_is_up() -> None:
    """Each failing part counts with its reason."""
    record = track()
    step(record, Sample(power(1.0).readings, (Failure(Reason.PARSE, "a"), Failure(Reason.PARSE, "b"))), 100.0)
    state = record.state(101.0, 30.0)

    assert state.up is True
    assert state.errors[Reason.PARSE] == 2


def test_a_hanging_read_is_one_timeout_and_its_late_answer_is_dropped() -> None:
    """However long it hangs and however often one looks, it counts once; what comes late is no figure."""
    record = track(deadline=2.0)
    record.begin(100.0)
    record.check(102.9)
    assert record.state(102.9, 30.0).up is None
    for now in (103.1, 110.0, 500.0):
        record.check(now)
        assert record.state(now, 30.0).up is False
    record.finish(power(42.0), 501.0, 1e9)
    state = record.state(501.0, 30.0)

    assert state.errors[Reason.TIMEOUT] == 1
    assert state.readings == ()
    assert state.duration == 401.0
    step(record, power(43.0), 510.0)
    assert record.state(511.0, 30.0).up is True


def test_an_answer_that_is_late_unseen_is_late_all_the_same() -> None:
    """It does not matter whether anybody looked while the read hung."""
    record = track(deadline=2.0)
    record.begin(100.0)
    record.finish(power(42.0), 104.0, 1e9)

    assert record.state(104.0, 30.0).errors[Reason.TIMEOUT] == 1
    assert record.state(104.0, 30.0).readings == ()


@given(interval=st.floats(0, 300), downs=st.integers(1, 200))
def test_the_pause_grows_while_a_source_is_down(interval: float, downs: int) -> None:
    """Never shorter than the interval, never shorter than the last, at most a minute unless the interval is longer."""
    record, pauses = track(interval=interval), []
    for number in range(downs):
        step(record, MISSING, 100.0 + number)
        pauses.append(record.pause())

    assert pauses == sorted(pauses)
    assert min(pauses) >= max(interval, min(1.0, 60.0))
    assert max(pauses) <= max(interval, 60.0)
    step(record, power(1.0), 1000.0)
    assert record.pause() == interval


RESULTS = st.sampled_from(
    [power(1.0), power(2.0), MISSING, Sample((), (Failure(Reason.INACTIVE, "off"),), up=False), None]
)


@given(
    st.lists(st.tuples(RESULTS, st.floats(0, 10), st.floats(0, 40)), max_size=30),
    st.floats(0, 100_000),
    st.floats(1, 60),
)
def test_nothing_older_than_its_age_is_ever_shown(
    reads: list[tuple[Sample | SourceError | None, float, float]], asleep: float, max_age: float
) -> None:
    """Whatever reads give, however long they take or hang (None), and however long the machine sleeps at last."""
    record, now = track(), 100.0
    answered: list[tuple[float, Sample]] = []
    for result, length, pause in reads:
        record.begin(now)
        now += length
        if result is not None:
            record.finish(result, now, wall=1e9)
            if isinstance(result, Sample) and length <= 3.0:
                answered.append((now, result))
        now += pause
        for moment in (now, now + asleep):
            fresh = [sample for at, sample in answered[-1:] if moment - at <= max_age]
            assert record.state(moment, max_age).readings == (fresh[0].readings if fresh else ())
