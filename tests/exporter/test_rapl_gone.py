"""RAPL: zones that come and go, stand still or were never wired, and what is left of the node then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.readings import Reason, SourceError
from exporter.sources.rapl import JOULES, WATTS
from tests.exporter.rapl_trees import GOOD, THREE, node_watts, three_zones, used
from tests.exporter.test_rapl import figures, source
from tests.exporter.worlds import ManualClock, write_zone

if TYPE_CHECKING:
    from pathlib import Path


def test_zones_that_come_and_go(tmp_path: Path) -> None:
    """A zone that goes is gone from the figures, without taking others along; when it comes back it counts on."""
    zone, clock = three_zones(tmp_path), ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 50_000_007)
    assert figures(rapl.read(), JOULES)[("0", "", "package")] == 50.0

    aside = zone.rename(tmp_path / "aside")
    clock.advance(5)
    without = rapl.read()
    assert set(figures(without, JOULES)) == GOOD
    assert [(failure.reason, failure.labels) for failure in without.failures if failure.labels not in GOOD] == [
        (Reason.MISSING, ("0", "", "package"))
    ]

    aside.rename(zone)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 150_000_007)
    clock.advance(5)
    back = rapl.read()
    assert figures(back, JOULES)[("0", "", "package")] == 150.0
    assert figures(back, WATTS)[("0", "", "package")] == 10.0

    write_zone(tmp_path, "intel-rapl:2", "package-2", 9)
    assert figures(rapl.read(), JOULES)[("2", "", "package")] == 0.0


@pytest.mark.parametrize("folder", ["intel-rapl:0", "intel-rapl:1:0"])
def test_a_zone_that_is_gone_leaves_no_part_of_the_node_for_the_whole(tmp_path: Path, folder: str) -> None:
    """179 W of which a package or its memory vanishes are not 79 or 170: no figure until it is back."""
    three_zones(tmp_path)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    shown = []
    for number in range(5):
        zone = tmp_path / "class" / "powercap" / folder
        if number == 2:
            zone.rename(tmp_path / "aside")
        elif number == 3:
            (tmp_path / "aside").rename(zone)
        used(tmp_path, number * 5, {name: watts for name, watts in THREE.items() if number != 2 or name != folder})
        sample = rapl.read()
        shown.append(node_watts(sample))
        assert number != 2 or "was here before; restart the exporter" in sample.failures[0].detail
        clock.advance(5)

    assert shown == [None, 179.0, None, 179.0, 179.0]


def test_a_psys_that_is_gone_takes_nothing_from_the_packages(tmp_path: Path) -> None:
    """It is told, and the packages still stand for the node."""
    three_zones(tmp_path)
    psys = write_zone(tmp_path, "intel-rapl:2", "psys", 7)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    used(tmp_path, 5, {**THREE, "intel-rapl:2": 300})
    assert node_watts(rapl.read(), "psys") == 300.0
    psys.rename(tmp_path / "aside")
    clock.advance(5)
    used(tmp_path, 10, THREE)
    sample = rapl.read()

    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(Reason.MISSING, ("", "", "psys"))]
    assert (node_watts(sample), node_watts(sample, "psys")) == (179.0, None)


def test_a_window_over_a_long_fault_is_no_present_power(tmp_path: Path) -> None:
    """A counter that could not be read for two minutes: its energy counts, and the mean of two minutes is not shown."""
    zone, clock = three_zones(tmp_path), ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    (zone / "energy_uj").write_text("x")
    for _ in range(24):
        clock.advance(5)
        rapl.read()
    used(tmp_path, 120, {"intel-rapl:0": 200})
    after = rapl.read()
    clock.advance(5)
    (zone / "energy_uj").write_text(f"{7 + 24_000_000_000 + 50_000_000}\n")

    assert figures(after, JOULES)["0", "", "package"] == 24_000.0
    assert ("0", "", "package") not in figures(after, WATTS)
    assert figures(rapl.read(), WATTS)["0", "", "package"] == 10.0


def test_a_name_that_was_read_stays(tmp_path: Path) -> None:
    """A package whose name fails when zones are looked for again hides neither itself nor the memory in it."""
    three_zones(tmp_path)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    (tmp_path / "class" / "powercap" / "intel-rapl:1" / "name").write_text("")
    write_zone(tmp_path, "intel-rapl:3", "psys", 7)  # makes the source look again
    used(tmp_path, 5, THREE)
    sample = rapl.read()

    assert (node_watts(sample), sample.failures) == (179.0, ())


def test_memory_in_a_package_without_a_name_is_named_as_far_as_it_is_known(tmp_path: Path) -> None:
    """Which package's it is cannot be told, so it has no figure; that it is memory can."""
    three_zones(tmp_path)
    (tmp_path / "class" / "powercap" / "intel-rapl:1" / "name").write_text("")
    sample = source(tmp_path, ManualClock()).read()

    assert set(figures(sample, JOULES)) == {("0", "", "package")}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.PARSE, ()),
        (Reason.PARSE, ("", "", "dram")),
    ]
    assert "the name of intel-rapl:1" in sample.failures[1].detail


@pytest.mark.parametrize(("folder", "watts"), [("intel-rapl-mmio:0", 179.0), ("intel-rapl:2", None)])
def test_a_nameless_mmio_zone_costs_the_node_nothing(tmp_path: Path, folder: str, watts: float | None) -> None:
    """Where MSR zones measure the packages it could only be a twin; it is told. An MSR zone may be a package."""
    three_zones(tmp_path)
    write_zone(tmp_path, folder, "", 7)
    write_zone(tmp_path, f"{folder}:0", "dram" if watts is None else "core", 7)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    used(tmp_path, 5, THREE)
    sample = rapl.read()

    assert node_watts(sample) == watts
    assert [failure.reason for failure in sample.failures] == [Reason.PARSE, Reason.PARSE]


def test_a_nameless_mmio_zone_alone_may_be_all_there_is(tmp_path: Path) -> None:
    """Without an MSR zone of the package, the one that cannot be named may be another package."""
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 7)
    write_zone(tmp_path, "intel-rapl-mmio:1", "", 7)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    used(tmp_path, 5, {"intel-rapl-mmio:0": 100})

    assert node_watts(rapl.read()) is None


@pytest.mark.parametrize("domain", ["dram", "psys"])
def test_a_counter_that_is_not_wired_is_as_if_it_were_not_there(tmp_path: Path, domain: str) -> None:
    """It has been 0 since ever: no figure, no failure, no hole in the node's. If it does count one day, it is shown."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 7)
    folder = "intel-rapl:0:0" if domain == "dram" else "intel-rapl:1"
    zone = write_zone(tmp_path, folder, domain, 0)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    for number in (1, 2):
        clock.advance(5)
        used(tmp_path, 5 * number, {"intel-rapl:0": 100})
        sample = rapl.read()
        assert (node_watts(sample), sample.failures) == (100.0, ())
        assert {labels[2] for labels in figures(sample, JOULES)} == {"package"}

    clock.advance(5)
    used(tmp_path, 15, {"intel-rapl:0": 100})
    (zone / "energy_uj").write_text("10000000\n")
    assert {labels[2]: watts for labels, watts in figures(rapl.read(), WATTS).items()} == {
        "package": 100.0,
        domain: 2.0,
    }
    aside = zone.rename(tmp_path / "aside")
    assert aside.exists()
    assert [failure.labels[2] for failure in rapl.read().failures] == [domain]


def test_an_unwired_counter_that_goes_is_not_missed(tmp_path: Path) -> None:
    """What never measured anything leaves no hole."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 7)
    zone = write_zone(tmp_path, "intel-rapl:0:0", "dram", 0)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    for number in range(3):
        used(tmp_path, 5 * number, {"intel-rapl:0": 100})
        if number == 2:
            zone.rename(tmp_path / "aside")
        sample = rapl.read()
        clock.advance(5)

    assert (node_watts(sample), sample.failures) == (100.0, ())


def test_a_machine_of_unwired_counters_alone_is_told(tmp_path: Path) -> None:
    """Nothing to show and nothing that failed would be silence."""
    write_zone(tmp_path, "intel-rapl:0", "psys", 0)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    with pytest.raises(SourceError, match="has ever counted") as caught:
        rapl.read()

    assert caught.value.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("domain", ["dram", "psys"])
def test_memory_and_platforms_that_stand_still_do_not_rest(tmp_path: Path, domain: str) -> None:
    """They have counted before, and draw power as long as the machine is on: 0 W is no figure."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 7)
    write_zone(tmp_path, "intel-rapl:0:0" if domain == "dram" else "intel-rapl:1", domain, 77)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    used(tmp_path, 5, {"intel-rapl:0": 100})
    sample = rapl.read()

    assert {labels[2] for labels in figures(sample, WATTS)} == {"package"}
    assert [(failure.reason, failure.labels[2]) for failure in sample.failures] == [(Reason.IMPLAUSIBLE, domain)]


def test_zones_without_end_take_memory_with_an_end(tmp_path: Path) -> None:
    """What a broken driver invents is refused beyond any machine's count, and what is known is still measured."""
    for number in range(1025):
        write_zone(tmp_path, f"intel-rapl:{number:x}", f"package-{number}", 7)
    sample = source(tmp_path, ManualClock()).read()

    assert len(figures(sample, JOULES)) == 1024
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.UNSUPPORTED, ("1024", "", "package"))
    ]
