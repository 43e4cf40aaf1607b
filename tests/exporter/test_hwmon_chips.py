"""hwmon's chips: what comes, goes, hangs or cannot be named, and what the node's figure is meanwhile."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.node_power import figure
from exporter.readings import Reason, Snapshot, SourceState
from tests.exporter.test_hwmon import figures, reasons, source
from tests.exporter.worlds import ManualClock, write_chip

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.readings import Sample

PSU = {"power1_label": "pin", "power1_input": 110_000_000}


def node_watts(sample: Sample, name: str = "psu") -> float | None:
    """Return what this read makes of the node's figure."""
    return figure(
        Snapshot((SourceState("hwmon", sample.up, sample.readings, sample.failures, None, None, {}, 1),)), name
    )


def move(root: Path, before: int, after: int) -> Path:
    """Let the kernel number a chip anew; return its folder."""
    folder = root / "class" / "hwmon"
    return (folder / f"hwmon{before}").rename(folder / f"hwmon{after}")


def let_go(pipe: Path) -> None:
    """Let a read end that hangs: opening waits for it, so it fails to end where there is none."""
    with pipe.open("w") as file:
        file.write("1\n")


def hold(pipe: Path) -> int:
    """Wait until a read is under way, and keep it there until what is returned is closed."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO  # noqa: PT017 - nobody reads yet


def hanging(name: str) -> list[threading.Thread]:
    """Return the threads of the chips of one device."""
    return [thread for thread in threading.enumerate() if thread.name == f"hwmon {name}"]


def test_a_supply_that_goes_leaves_no_half_for_the_whole(tmp_path: Path) -> None:
    """Two supplies give 220 W; when the driver of one is unbound, 110 W are not the machine's."""
    write_chip(tmp_path, 0, "cffps", "3-0058", **PSU)
    other = write_chip(tmp_path, 1, "cffps", "3-0059", **PSU)
    write_chip(tmp_path, 2, "x", "x.0", power1_input=5)
    hwmon = source(tmp_path)
    assert node_watts(hwmon.read()) == 220.0
    aside = other.rename(tmp_path / "aside")
    (tmp_path / "class" / "hwmon" / "hwmon2").rename(tmp_path / "aside2")
    without = [hwmon.read(), hwmon.read()]
    aside.rename(other)

    for sample in without:
        assert node_watts(sample) is None
        assert reasons(sample) == {("cffps/3-0059", "pin"): Reason.MISSING}  # the other chip saw no machine
        assert "was here before; restart the exporter" in sample.failures[0].detail
    back = hwmon.read()
    assert (node_watts(back), back.failures) == (220.0, ())


def test_a_meter_that_goes_is_told_even_when_nothing_is_left(tmp_path: Path) -> None:
    """It is missing, and that is not the same as a machine that never had a meter."""
    write_chip(tmp_path, 0, "power_meter", "ACPI000D:00", power1_average=200_000_000).rename(
        tmp_path / "class" / "hwmon" / "hwmon1"
    )
    hwmon = source(tmp_path)
    assert node_watts(hwmon.read(), "acpi") == 200.0
    (tmp_path / "class" / "hwmon" / "hwmon1").rename(tmp_path / "aside")
    sample = hwmon.read()

    assert reasons(sample) == {("power_meter/ACPI000D:00", "machine"): Reason.MISSING}
    assert (sample.up, node_watts(sample, "acpi")) == (False, None)


@pytest.mark.parametrize("file", ["name", "power1_label"])
def test_a_supply_whose_name_cannot_be_read_may_be_one(tmp_path: Path, file: str) -> None:
    """One of two gives its name only later: till then the other is not the whole, and then both are."""
    write_chip(tmp_path, 0, "cffps", "3-0058", **PSU)
    other = write_chip(tmp_path, 1, "cffps", "3-0059", **PSU)
    text = (other / file).read_text()
    (other / file).unlink()
    (other / file).mkdir()  # reading it gives an error number of its own, like EIO from a driver
    hwmon = source(tmp_path)
    first = hwmon.read()
    (other / file).rmdir()
    (other / file).write_text(text)
    chip = "cffps/3-0059" if file == "power1_label" else "/3-0059"

    assert reasons(first) == {(chip, "power1" if file == "power1_label" else "pin"): Reason.UNSUPPORTED}
    assert node_watts(first) is None
    assert node_watts(hwmon.read()) == 220.0


def test_a_supplys_sensor_without_a_label_may_be_the_one(tmp_path: Path) -> None:
    """Drivers of supplies label all their sensors: what has no label is shown, and is no part of a sum until it has."""
    write_chip(tmp_path, 0, "cffps", "3-0058", **PSU)
    other = write_chip(tmp_path, 1, "cffps", "3-0059", power1_input=110_000_000)
    hwmon = source(tmp_path)
    sample = hwmon.read()

    assert figures(sample)["cffps/3-0059", "power1"] == 110.0
    assert reasons(sample) == {("cffps/3-0059", "power1"): Reason.MISSING}
    assert node_watts(sample) is None
    (other / "power1_label").write_text("pin\n")
    assert node_watts(hwmon.read()) == 220.0


@pytest.mark.parametrize("file", ["power1_is_battery", "measures"])
def test_a_meter_that_does_not_say_what_it_measures_is_not_the_machines(tmp_path: Path, file: str) -> None:
    """It could be a battery's: no figure until it can be told."""
    chip = write_chip(tmp_path, 0, "power_meter", "ACPI000D:00", power1_average=30_000_000)
    if file == "measures":
        (tmp_path / "devices" / "ACPI000D:00" / file).write_text("")
    else:
        (chip / file).mkdir()
    sample = source(tmp_path).read()

    assert reasons(sample) == {("power_meter/ACPI000D:00", "power1"): Reason.UNSUPPORTED}
    assert (sample.readings, node_watts(sample, "acpi")) == ((), None)


def test_a_chip_that_is_numbered_anew_is_read_where_it_is_now(tmp_path: Path) -> None:
    """Its driver was loaded again: the old files are gone, and a counter begins again."""
    write_chip(tmp_path, 0, "cffps", "3-0058", **PSU)
    energy = write_chip(tmp_path, 1, "amd_energy", "amd_energy.0", energy1_input=5, energy1_label="Esocket0")
    clock = ManualClock()
    hwmon = source(tmp_path, clock)
    hwmon.read()
    clock.advance(5)
    (move(tmp_path, 0, 7) / "power1_input").write_text("120000000\n")
    assert energy.exists()
    (move(tmp_path, 1, 8) / "energy1_input").write_text("100000005\n")
    sample = hwmon.read()

    assert figures(sample) == {("cffps/3-0058", "pin"): 120.0}
    assert sample.failures == ()


def test_a_window_over_a_long_fault_is_no_present_power(tmp_path: Path) -> None:
    """A counter that could not be read for an hour: the mean of that hour is not what is drawn now."""
    chip = write_chip(tmp_path, 0, "i915", "0000:00:02.0", energy1_input=0)
    clock = ManualClock()
    hwmon = source(tmp_path, clock, deadline=2.0)
    hwmon.read()
    (chip / "energy1_input").write_text("x")
    clock.advance(5)
    assert set(reasons(hwmon.read()).values()) == {Reason.PARSE}
    clock.advance(3600)
    (chip / "energy1_input").write_text(f"{3600 * 100 * 10**6}\n")
    late = hwmon.read()
    clock.advance(5)

    assert (late.readings, late.failures, late.up) == ((), (), True)
    assert figures(hwmon.read()) == {("i915/0000:00:02.0", "energy1"): 0.0}


@pytest.mark.parametrize("file", ["name", "power1_label"])
def test_a_driver_that_hangs_on_a_name_holds_up_its_own_chip_alone(tmp_path: Path, file: str) -> None:
    """Nobody knows yet what it is, so it may be a supply; the others are read."""
    write_chip(tmp_path, 0, "cffps", "3-0058", **PSU)
    other = write_chip(tmp_path, 1, "cffps", f"hangs-{file}", **PSU)
    (other / file).unlink()
    os.mkfifo(other / file)
    sample = source(tmp_path, deadline=0.2).read()
    let_go(other / file)

    assert figures(sample) == {("cffps/3-0058", "pin"): 110.0}
    assert reasons(sample) == {(): Reason.TIMEOUT}
    assert node_watts(sample) is None


def test_a_chip_that_hangs_while_it_is_numbered_anew_has_one_thread(tmp_path: Path) -> None:
    """A device that goes and comes at each reset must not leave a thread behind each time; once free it is read."""
    chip = write_chip(tmp_path, 0, "corsairpsu", "comes-and-goes", power1_label="power total")
    os.mkfifo(chip / "power1_input")
    write_chip(tmp_path, 100, "x", "x.0", power1_input=5_000_000)
    hwmon = source(tmp_path, deadline=0.2)
    hwmon.read()
    held = hold(chip / "power1_input")
    for number in range(3):
        aside = (tmp_path / "class" / "hwmon" / f"hwmon{number}").rename(tmp_path / "aside")
        assert figures(hwmon.read()) == {("x/x.0", "power1"): 5.0}
        aside.rename(tmp_path / "class" / "hwmon" / f"hwmon{number + 1}")
        assert reasons(hwmon.read()) == {("corsairpsu/comes-and-goes", "power total"): Reason.TIMEOUT}
        assert len(hanging("comes-and-goes")) == 1

    os.close(held)
    pipe = tmp_path / "class" / "hwmon" / "hwmon3" / "power1_input"
    pipe.unlink()
    pipe.write_text("77000000\n")
    while figures(sample := hwmon.read()) != {
        ("x/x.0", "power1"): 5.0,
        ("corsairpsu/comes-and-goes", "power total"): 77.0,
    }:
        pass  # its thread drops what it had as soon as it gets its turn
    assert node_watts(sample) == 77.0


def test_devices_that_hang_and_go_without_end_take_threads_with_an_end(tmp_path: Path) -> None:
    """What comes after too many of them is not read, and that is told; it is read once they have let go."""
    for number in range(16):
        chip = write_chip(tmp_path, number, "x", f"many-{number}")
        os.mkfifo(chip / "power1_input")
    hwmon = source(tmp_path, deadline=0.2)
    hwmon.read()
    held = [hold(tmp_path / "class" / "hwmon" / f"hwmon{number}" / "power1_input") for number in range(16)]
    for number in range(16):
        (tmp_path / "class" / "hwmon" / f"hwmon{number}").rename(tmp_path / f"aside{number}")
    write_chip(tmp_path, 99, "x", "x.0", power1_input=5_000_000)
    refused = [hwmon.read(), hwmon.read()]
    for pipe in held:
        os.close(pipe)

    assert not figures(refused[1])
    assert reasons(refused[1]) == {(): Reason.TIMEOUT}
    assert "reboot" in refused[1].failures[0].detail
    while not figures(sample := hwmon.read()):
        pass  # their threads end as soon as they get their turn
    assert sample.failures == ()
