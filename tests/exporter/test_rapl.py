"""RAPL: zones, names, faults, on small powercap trees."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.readings import Reason, SourceError
from exporter.settings import Pace
from exporter.sources.rapl import JOULES, WATTS, Rapl
from exporter.sources.rapl_files import name_zone, parse_microjoules
from tests.exporter.rights import without_root
from tests.exporter.worlds import ManualClock, write_zone

if TYPE_CHECKING:
    from exporter.readings import Sample


def source(sysfs: Path, clock: ManualClock) -> Rapl:
    """Return the source on a tree."""
    return Rapl(sysfs, Pace(5.0, 2.0), clock.clock)


def figures(sample: Sample, family: str) -> dict[tuple[str, ...], float]:
    """Return one family's figures by labels."""
    return {reading.labels: reading.value for reading in sample.readings if reading.family == family}


@pytest.mark.parametrize(
    ("name", "parent", "labels"),
    [
        ("package-0", None, ("0", "", "package")),
        ("package-10", None, ("10", "", "package")),
        ("package-1-die-0", None, ("1", "0", "package")),
        ("dram", "package-1-die-1", ("1", "1", "dram")),
        ("core", "package-0", ("0", "", "core")),
        ("psys", None, ("", "", "psys")),
        ("psys-1", None, ("1", "", "psys")),
        ("something-new", None, ("", "", "something-new")),
    ],
)
def test_a_zone_is_named_by_itself_and_its_package(name: str, parent: str | None, labels: tuple[str, ...]) -> None:
    """Package and die come from the package zone, psys is no package, and an unknown zone keeps its name."""
    assert name_zone(Path("/x"), name, parent).labels == labels


@given(st.text())
def test_a_count_is_digits_alone(text: str) -> None:
    """Anything but ASCII digits, as many as 64 bits have, is an error, never a guessed number."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(2**64)):
        assert parse_microjoules(text) == int(text)
    else:
        with pytest.raises(SourceError) as caught:
            parse_microjoules(text)
        assert caught.value.reason is Reason.PARSE


def test_joules_count_from_the_start_and_watts_are_the_mean_of_a_window(tmp_path: Path) -> None:
    """Two sockets with memory: each zone has its own series, and power is energy over time."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 500)
    write_zone(tmp_path, "intel-rapl:a", "package-10", 262_143_328_000)
    clock = ManualClock()
    rapl = source(tmp_path, clock)

    first = rapl.read()
    assert figures(first, WATTS) == {}
    assert set(figures(first, JOULES).values()) == {0.0}

    clock.advance(4)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 401_000_000)
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 40_000_500)
    write_zone(tmp_path, "intel-rapl:a", "package-10", 19_999_150)
    second = rapl.read()
    assert figures(second, JOULES) == {
        ("0", "", "package"): 400.0,
        ("0", "", "dram"): 40.0,
        ("10", "", "package"): 20.0,
    }
    assert figures(second, WATTS) == {
        ("0", "", "package"): 100.0,
        ("0", "", "dram"): 10.0,
        ("10", "", "package"): 5.0,
    }
    assert second.failures == ()


def test_the_msr_zone_is_preferred_over_its_mmio_twin(tmp_path: Path) -> None:
    """The same package read two ways is one series, that of the MSR; MMIO stands in where there is no MSR."""
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(1)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 30_000_001)
    assert figures(rapl.read(), WATTS) == {("0", "", "package"): 30.0}

    write_zone(tmp_path, "intel-rapl:0", "package-0", 1)
    rapl.read()
    clock.advance(1)
    write_zone(tmp_path, "intel-rapl:0", "package-0", 20_000_001)
    write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 60_000_001)
    assert figures(rapl.read(), WATTS) == {("0", "", "package"): 20.0}


@pytest.mark.parametrize(
    ("energy", "span", "reason"),
    [
        ("", 10**11, Reason.PARSE),
        ("oops", 10**11, Reason.PARSE),
        ("-5", 10**11, Reason.PARSE),
        (5, 0, Reason.IMPLAUSIBLE),
        (10**12, 10**11, Reason.IMPLAUSIBLE),
    ],
)
def test_a_bad_zone_hides_no_other(tmp_path: Path, energy: object, span: object, reason: Reason) -> None:
    """A zone with nonsense in it is named with its reason, and the others are read."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", energy, span)
    write_zone(tmp_path, "intel-rapl:1", "package-1", 7)
    sample = source(tmp_path, ManualClock()).read()

    assert set(figures(sample, JOULES)) == {("1", "", "package")}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(reason, ("0", "", "package"))]
    assert sample.up


def test_a_zone_without_a_name_is_a_failure_and_so_are_those_inside(tmp_path: Path) -> None:
    """Labels are not guessed: without the package's name neither it nor its memory is shown."""
    (write_zone(tmp_path, "intel-rapl:0", "package-0", 1) / "name").unlink()
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 1)
    sample = source(tmp_path, ManualClock()).read()

    assert sample.readings == ()
    assert not sample.up
    assert [failure.reason for failure in sample.failures] == [Reason.MISSING, Reason.MISSING]


def test_a_counter_that_stands_still_is_no_zero_watts(tmp_path: Path) -> None:
    """A package cannot draw nothing while this runs: no watts, and a reason. A resting graphics unit can."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 77)
    write_zone(tmp_path, "intel-rapl:0:1", "uncore", 77)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    clock.advance(5)
    sample = rapl.read()

    assert figures(sample, WATTS) == {("0", "", "uncore"): 0.0}
    assert set(figures(sample, JOULES)) == {("0", "", "package"), ("0", "", "uncore")}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.IMPLAUSIBLE, ("0", "", "package"))
    ]


def test_memory_that_stops_counting_is_no_zero_watts(tmp_path: Path) -> None:
    """It has drawn power before, so its standing still is a fault, and no memory at rest."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 0)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    rapl.read()
    for package, memory in ((50_000_000, 10_000_000), (100_000_000, 10_000_000)):
        write_zone(tmp_path, "intel-rapl:0", "package-0", package)
        write_zone(tmp_path, "intel-rapl:0:0", "dram", memory)
        clock.advance(5)
        sample = rapl.read()

    assert figures(sample, WATTS) == {("0", "", "package"): 10.0}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.IMPLAUSIBLE, ("0", "", "dram"))
    ]


def test_a_source_whose_counters_all_stand_still_is_down(tmp_path: Path) -> None:
    """Joules alone are no power: after the first window a frozen machine is down, and up once a counter moves."""
    write_zone(tmp_path, "intel-rapl:0", "package-0", 77)
    write_zone(tmp_path, "intel-rapl:0:1", "uncore", 77)
    clock = ManualClock()
    rapl = source(tmp_path, clock)
    ups = []
    for energy in (77, 77, 40_000_077):
        write_zone(tmp_path, "intel-rapl:0", "package-0", energy)
        ups.append(rapl.read().up)
        clock.advance(5)

    assert ups == [True, False, True]


@pytest.mark.parametrize("made", ["nothing", "class", "class/powercap", "class/powercap/dtpm"])
def test_no_zone_at_all_is_missing(tmp_path: Path, made: str) -> None:
    """A machine without RAPL gets one sentence that says what to try."""
    (tmp_path / made).mkdir(parents=True)
    with pytest.raises(SourceError, match="modprobe intel_rapl_msr") as caught:
        source(tmp_path, ManualClock()).read()

    assert caught.value.reason is Reason.MISSING


def test_a_missing_range_is_not_a_missing_driver(tmp_path: Path) -> None:
    """The zone is there, so its driver is: the message names the file and advises no driver to load."""
    (write_zone(tmp_path, "intel-rapl:0", "package-0", 5) / "max_energy_range_uj").unlink()
    (failure,) = source(tmp_path, ManualClock()).read().failures

    assert failure.reason is Reason.MISSING
    assert "max_energy_range_uj" in failure.detail
    assert "without this file" in failure.detail
    assert "modprobe" not in failure.detail


def test_a_counter_for_root_alone_is_permission() -> None:
    """The kernel's default since 5.10 is named for what it is, with the way out, and differs from "missing"."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (write_zone(root, "intel-rapl:0", "package-0", 5) / "energy_uj").chmod(0)
        rapl = source(root, ManualClock())
        with without_root():
            sample = rapl.read()

    assert not sample.up
    (failure,) = sample.failures
    assert failure.reason is Reason.PERMISSION
    assert "run as root, or give" in failure.detail


def test_a_driver_that_refuses_is_unsupported(tmp_path: Path) -> None:
    """An error number that means neither right nor absence leaves the zone out as not supported."""
    zone = write_zone(tmp_path, "intel-rapl:0", "package-0", 5)
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()  # reading it gives an error number of its own, like EINVAL from a driver

    assert [failure.reason for failure in source(tmp_path, ManualClock()).read().failures] == [Reason.UNSUPPORTED]
