"""When a figure stands still while the power moves, and when it only seems to; time is handed in."""

from __future__ import annotations

import pytest

from tests.exporter.cross_check_bench import FROZEN, Bench, flicker


def test_a_figure_that_stands_still_while_a_part_moves_is_frozen_until_it_changes() -> None:
    """Told once with both figures; it stays so though the load rests again, and ends with the first new figure."""
    bench = Bench()
    bench.run(120, dcmi=212.0, rapl=flicker(40.0))
    bench.run(480, dcmi=212.0, rapl=flicker(120.0))
    assert bench.holds("dcmi", FROZEN) is True
    (line,) = bench.news
    assert "212.0 W" in line
    assert "120.0 W" in line
    bench.run(3600, dcmi=212.0, rapl=flicker(120.0))
    assert bench.holds("dcmi", FROZEN) is True
    bench.run(10, dcmi=290.0, rapl=flicker(120.0))
    assert bench.holds("dcmi", FROZEN) is False
    assert bench.onsets() == {("dcmi", "frozen"): 1}


def test_a_frozen_figure_stays_passed_over_when_the_witness_goes() -> None:
    """Nothing shows any more that it is wrong, but nothing says that it is right either."""
    bench = Bench()
    bench.run(120, dcmi=212.0, rapl=flicker(40.0))
    bench.run(480, dcmi=212.0, rapl=flicker(120.0))
    bench.run(1200, dcmi=212.0)

    assert bench.holds("dcmi", FROZEN) is True


@pytest.mark.parametrize(
    ("still", "moving"),
    [
        ("dcmi", "acpi"),
        ("acpi", "dcmi"),
        ("acpi", "psu"),
        ("psu", "acpi"),
        ("dcmi", "psys"),
        ("psu", "rapl"),
        ("psys", "rapl"),
        ("psys", "powerstat"),
        ("rapl", "powerstat"),
        ("powerstat", "rapl"),
    ],
)
def test_what_measures_the_same_or_a_part_shows_that_a_figure_stands_still(still: str, moving: str) -> None:
    """A second meter of the whole machine is a witness as good as the processors, and so is powerstat of RAPL."""
    bench = Bench()
    bench.run(120, **{still: 90.0}, **{moving: flicker(40.0)})
    bench.run(480, **{still: 90.0}, **{moving: flicker(70.0)})

    assert bench.holds(still, FROZEN) is True
    assert bench.onsets() == {(still, "frozen"): 1}


@pytest.mark.parametrize(("figure", "before", "after"), [(50.0, 20.0, 28.0), (1000.0, 100.0, 150.0)])
def test_what_a_meter_may_not_have_seen_proves_nothing(figure: float, before: float, after: float) -> None:
    """Below 10 W, or a tenth of what it shows, the change may be lost in its error or made up for by another part."""
    bench = Bench()
    bench.run(120, dcmi=figure, rapl=flicker(before))
    bench.run(600, dcmi=figure, rapl=flicker(after))

    assert bench.holds("dcmi", FROZEN) is False


def test_a_frozen_figure_that_comes_back_the_same_is_still_frozen() -> None:
    """An outage shows no new figure: it is passed over, without a gap, until one that differs is seen."""
    bench = Bench()
    bench.run(120, dcmi=212.0, rapl=flicker(40.0))
    bench.run(480, dcmi=212.0, rapl=flicker(120.0))
    held = []
    outage: dict[str, float] = {}
    for seconds, meter in ((240, outage), (600, {"dcmi": 212.0})):
        for _ in range(seconds // 10):
            bench.run(10, rapl=flicker(120.0), **meter)
            held.append(bench.holds("dcmi", FROZEN))
    assert set(held) == {True}
    bench.run(10, dcmi=213.0, rapl=flicker(120.0))
    assert bench.holds("dcmi", FROZEN) is False
    assert bench.onsets() == {("dcmi", "frozen"): 1}


def test_the_minute_in_which_a_figure_came_back_is_not_looked_back_on() -> None:
    """What happened while it was away may reach into it: its figure need not have been the same all along."""
    bench = Bench()
    bench.run(60, dcmi=212.0, rapl=flicker(40.0))
    bench.now += 120.0
    bench.run(60, dcmi=212.0, rapl=flicker(40.0))
    bench.run(300, dcmi=212.0, rapl=flicker(120.0))
    bench.run(300, dcmi=290.0, rapl=flicker(120.0))

    assert bench.onsets() == {}


def test_an_idle_machine_with_constant_watts_is_not_frozen() -> None:
    """A BMC of whole watts may say the same for hours, while RAPL flickers by a watt."""
    bench = Bench()
    bench.run(7200, dcmi=212.0, rapl=lambda now: 40.0 + now // 60 % 5)

    assert bench.holds("dcmi", FROZEN) is False
    assert bench.onsets() == {}


def test_a_load_the_meter_could_not_show_yet_is_not_held_against_it() -> None:
    """It may lag by two minutes: what began less long ago proves nothing."""
    bench = Bench()
    bench.run(300, dcmi=212.0, rapl=flicker(40.0))
    bench.run(110, dcmi=212.0, rapl=flicker(120.0))
    bench.run(600, dcmi=290.0, rapl=flicker(120.0))

    assert bench.onsets() == {}


@pytest.mark.parametrize("part", ["powerstat", "rapl", "psys"])
def test_what_moves_the_whole_need_not_move_a_part(part: str) -> None:
    """Disks and a graphics card draw power that RAPL never sees: a processor that rests is not frozen."""
    bench = Bench()
    bench.run(120, dcmi=flicker(200.0), **{part: 40.0})
    bench.run(600, dcmi=flicker(300.0), **{part: 40.0})

    assert bench.onsets() == {}
    assert bench.holds(part, FROZEN) is None
