"""When sources contradict each other, and when they only seem to; time is handed in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cross_check import CrossCheck, span
from exporter.readings import Snapshot
from exporter.sources import dcmi
from tests.exporter.cross_check_bench import ABOVE, FROZEN, READ_BY, Bench, flicker, no_read, shown
from tests.exporter.worlds import FakeSource, snapshot


def test_a_part_above_the_whole_is_a_disagreement_of_the_meter() -> None:
    """Three minutes on end: counted once, told once with both figures, and over when the meter is right again."""
    bench = Bench()
    bench.run(170, dcmi=flicker(40.0), rapl=60.0)
    assert bench.holds("dcmi", ABOVE) is None
    bench.run(600, dcmi=flicker(40.0), rapl=60.0)
    assert bench.holds("dcmi", ABOVE) is True
    assert bench.onsets() == {("dcmi", "above_meter"): 1}
    (line,) = bench.news
    assert "60.0 W by rapl" in line
    assert "40.0 W" in line

    bench.run(300, dcmi=flicker(80.0), rapl=60.0)
    assert bench.holds("dcmi", ABOVE) is False
    bench.run(300, dcmi=flicker(40.0), rapl=60.0)
    assert bench.onsets() == {("dcmi", "above_meter"): 2}


@pytest.mark.parametrize("meter", ["acpi", "psu"])
def test_the_other_meters_of_the_whole_are_held_to_the_same(meter: str) -> None:
    """They claim to see the whole machine, too."""
    bench = Bench()
    bench.run(300, rapl=60.0, **{meter: flicker(40.0)})

    assert bench.holds(meter, ABOVE) is True


@pytest.mark.parametrize("lag", [10.0, 60.0, 110.0])
def test_a_meter_that_lags_behind_does_not_disagree(lag: float) -> None:
    """Load comes and goes; the BMC shows it up to two minutes later."""

    def load(now: float) -> float:
        return 150.0 if now % 900 < 450 else 20.0

    bench = Bench()
    bench.run(3600, dcmi=lambda now: 30.0 + load(now - lag), rapl=load)

    assert bench.onsets() == {}
    assert bench.holds("dcmi", ABOVE) is False


def test_the_errors_of_both_meters_do_not_disagree() -> None:
    """Whole watts and a few percent are no contradiction."""
    bench = Bench()
    bench.run(900, dcmi=flicker(100.0), rapl=104.0)
    assert bench.holds("dcmi", ABOVE) is False
    small = Bench()
    small.run(900, dcmi=10.0, rapl=flicker(11.2))
    assert small.holds("dcmi", ABOVE) is False


def test_a_machine_at_the_edge_is_one_disagreement_not_many() -> None:
    """Minutes above and not above in turn leave it as it was."""
    bench = Bench()
    bench.run(300, dcmi=flicker(40.0), rapl=60.0)
    bench.run(3600, dcmi=flicker(40.0), rapl=lambda now: 60.0 if now // 60 % 2 else 30.0)

    assert bench.onsets() == {("dcmi", "above_meter"): 1}


def test_alone_nothing_can_be_judged() -> None:
    """A constant meter without a witness is neither frozen nor not."""
    bench = Bench()
    bench.run(1200, dcmi=212.0)

    assert bench.holds("dcmi", FROZEN) is None
    assert bench.holds("dcmi", ABOVE) is None


def test_a_judgement_ends_with_the_reads_it_rests_on() -> None:
    """When a source falls silent, what was known of it is not known any more, and is not counted anew after."""
    bench = Bench()
    bench.run(300, dcmi=flicker(40.0), rapl=60.0)
    assert bench.holds("dcmi", ABOVE) is True
    bench.now += 60.0
    assert bench.holds("dcmi", ABOVE) is None
    bench.now += 120.0
    assert bench.holds("dcmi", ABOVE) is None
    bench.run(300, dcmi=flicker(40.0), rapl=60.0)

    assert bench.holds("dcmi", ABOVE) is True
    assert bench.onsets() == {("dcmi", "above_meter"): 1}


def test_minutes_on_both_sides_of_a_suspend_are_not_compared() -> None:
    """A night lies between them, in which the meter had no chance to change."""
    bench = Bench()
    bench.run(240, dcmi=212.0, rapl=flicker(40.0))
    bench.now += 8 * 3600.0
    bench.run(240, dcmi=212.0, rapl=flicker(120.0))

    assert bench.onsets() == {}


def test_too_few_reads_judge_nothing() -> None:
    """One read a minute is a sample, not a mean."""
    check = CrossCheck()
    for minute in range(60):
        for source, watts in (("dcmi", 40.0), ("rapl", 60.0)):
            check.observe(source, shown(source, watts), minute * 60.0)

    assert all(one.holds is None for one in check.state(3600.0))


@pytest.mark.parametrize(
    ("name", "interval", "deadline", "seconds"),
    [
        ("dcmi", 10.0, 8.0, 60.0),
        ("dcmi", 30.0, 8.0, 120.0),
        ("dcmi", 60.0, 8.0, 240.0),
        ("hwmon", 300.0, 2.0, 960.0),
        ("guests", 300.0, 2.0, 60.0),
    ],
)
def test_a_source_read_seldom_is_compared_over_longer(
    name: str, interval: float, deadline: float, seconds: float
) -> None:
    """Three reads fit, however long each takes, and whole minutes still; what is not compared does not matter."""
    fast = FakeSource(no_read, "rapl", interval=5.0, deadline=2.0)
    slow = FakeSource(no_read, name, interval=interval, deadline=deadline)

    assert span([fast, slow]) == seconds


def test_a_meter_asked_every_half_minute_is_judged_all_the_same() -> None:
    """With the time that it needs: a slow pace does not switch the comparison off."""
    bench = Bench(pause=31.0, span=120.0)
    bench.run(900, dcmi=flicker(40.0), rapl=60.0)
    assert bench.holds("dcmi", ABOVE) is True
    still = Bench(pause=31.0, span=120.0)
    still.run(240, dcmi=212.0, rapl=flicker(40.0))
    still.run(960, dcmi=212.0, rapl=flicker(120.0))
    assert still.holds("dcmi", FROZEN) is True
    assert "for 10 minutes" in still.news[0]


def test_no_more_is_kept_than_is_looked_back_on() -> None:
    """An exporter runs for months."""
    bench = Bench()
    bench.run(3600, dcmi=212.0, rapl=60.0)
    after_an_hour = len(repr(vars(bench.check)))
    bench.run(36000, dcmi=212.0, rapl=60.0)

    assert len(repr(vars(bench.check))) < 1.1 * after_an_hour


def test_a_failed_read_is_no_read() -> None:
    """While a source is down its last figures still stand; they are not counted as said again."""
    check = CrossCheck()
    down = snapshot([(dcmi.WATTS, ("local",), 212.0)])
    down = Snapshot(tuple(replace(state, up=False) for state in down.states))
    for step in range(120):
        rapl_watts = 40.0 if step < 60 else 120.0
        check.observe("rapl", shown("rapl", rapl_watts + step % 7 / 100), step * 10.0)
        check.observe("dcmi", down, step * 10.0)

    assert not [one for one in check.state(1200.0) if one.source == "dcmi"]


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 2000)), min_size=1, max_size=60),
    st.floats(1, 19),
)
def test_a_meter_that_never_says_less_than_its_parts_never_disagrees(
    reads: list[tuple[float, float]], pause: float
) -> None:
    """Whatever the load does, and however often it is read."""
    check = CrossCheck()
    for number, (parts, beside) in enumerate(reads * 8):
        for source, watts in (("rapl", parts), ("dcmi", parts + beside)):
            check.observe(source, shown(source, watts), 1000.0 + number * pause)

    assert not [one for one in check.state(1000.0 + len(reads) * 8 * pause) if one.kind is ABOVE and one.onsets]


@given(st.dictionaries(st.sampled_from(["rapl", "powerstat", "acpi", "psu", "dcmi"]), st.floats(0, 5000)))
def test_constant_sources_are_never_frozen(power: dict[str, float]) -> None:
    """Where nothing moves, nothing proves that anything stands still."""
    bench = Bench()
    bench.run(1200, **power)

    assert not [key for key in bench.onsets() if key[1] == "frozen"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rapl", "powerstat", "acpi", "psu", "dcmi"]),
            st.sampled_from([20.0, 90.0, 400.0]),
            st.sampled_from([1.0, 19.0, 70.0]),
        ),
        max_size=150,
    ),
    st.integers(0, 3),
)
def test_looking_changes_nothing(reads: list[tuple[str, float, float]], looks: int) -> None:
    """However many scrapers there are, the counters are the same."""
    watched, alone, now = CrossCheck(), CrossCheck(), 0.0
    for source, watts, pause in reads:
        now += pause
        watched.observe(READ_BY.get(source, source), shown(source, watts), now)
        alone.observe(READ_BY.get(source, source), shown(source, watts), now)
        for _ in range(looks):
            watched.state(now + 1000.0)

    assert watched.state(now) == alone.state(now)
