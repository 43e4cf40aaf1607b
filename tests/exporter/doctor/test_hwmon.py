"""hwmon: the sensors there are, and the meter that lacks its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.doctor.finding import State
from exporter.doctor.hwmon import check
from exporter.readings import Failure, Reading, Reason
from exporter.sources.hwmon import AVERAGE_WATTS, WATTS
from tests.exporter.doctor.world import World, state

if TYPE_CHECKING:
    from pathlib import Path

NONE = [Failure(Reason.UNSUPPORTED, "no chip measures power")]
METER = ("power_meter/ACPI000D:00", "machine")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an empty machine."""
    return World(tmp_path / "machine")


def test_each_sensor_is_named_with_what_it_sees(world: World) -> None:
    """The present figure where there is one, else the mean."""
    readings = [
        Reading(WATTS, ("amdgpu/0000:03:00.0", "PPT"), 9.5),
        Reading(AVERAGE_WATTS, METER, 118.0),
        Reading(AVERAGE_WATTS, ("amdgpu/0000:03:00.0", "PPT"), 8.0),
    ]

    assert [finding.sentence for finding in check(world.where(state("hwmon", readings)))] == [
        "amdgpu/0000:03:00.0 PPT: 9.5 W; it sees one part of the machine",
        "power_meter/ACPI000D:00 machine: 118 W; it sees the whole machine",
    ]


def test_a_meter_without_its_driver_is_mended(world: World) -> None:
    """ACPI tells of it."""
    world.write("sysfs/bus/acpi/devices/ACPI000D:00/hid")
    (finding,) = check(world.where(state("hwmon", failures=NONE, up=False)))

    assert finding.state == State.PROBLEM
    assert finding.commands[0] == "modprobe acpi_power_meter"


def test_a_driver_that_is_loaded_is_not_loaded_again(world: World) -> None:
    """The meter gave nothing all the same."""
    world.write("sysfs/bus/acpi/devices/ACPI000D:00/hid")
    world.write("sysfs/module/acpi_power_meter/refcnt")

    assert [finding.state for finding in check(world.where(state("hwmon", failures=NONE, up=False)))] == [State.ABSENT]


def test_a_sensor_that_fails_is_told(world: World) -> None:
    """In the source's own words."""
    failures = [Failure(Reason.TIMEOUT, "no answer from its driver", METER)]
    (finding,) = check(world.where(state("hwmon", failures=failures, up=False)))

    assert (finding.state, finding.sentence) == (State.PROBLEM, "no answer from its driver")


def test_a_read_that_never_ended_is_told(world: World) -> None:
    """A driver that hangs before any sensor is found."""
    assert [finding.state for finding in check(world.where(state("hwmon", up=None)))] == [State.PROBLEM]


def test_switched_off_it_is_not_judged(world: World) -> None:
    """Whatever there is."""
    assert [finding.state for finding in check(world.where())] == [State.ABSENT]
