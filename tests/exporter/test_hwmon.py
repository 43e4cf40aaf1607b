"""hwmon's power sensors: names, faults, traps, on small trees."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.readings import Reason, SourceError
from exporter.settings import Pace
from exporter.sources.hwmon import AVERAGE_WATTS, WATTS, Hwmon
from exporter.sources.hwmon_files import name_sensors, parse_microjoules, parse_microwatts
from tests.exporter.worlds import ManualClock, write_chip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.readings import Sample


def source(sysfs: Path, clock: ManualClock | None = None, deadline: float = 60.0) -> Hwmon:
    """Return the source on a tree; each test ends long before its deadline, but for those about deadlines."""
    return Hwmon(sysfs, Pace(5.0, deadline), (clock or ManualClock()).clock)


def figures(sample: Sample, family: str = WATTS) -> dict[tuple[str, ...], float]:
    """Return one family's figures by labels."""
    return {reading.labels: reading.value for reading in sample.readings if reading.family == family}


def reasons(sample: Sample) -> dict[tuple[str, ...], Reason]:
    """Return why parts failed, by labels."""
    return {failure.labels: failure.reason for failure in sample.failures}


def test_input_and_average_are_watts_under_the_drivers_own_labels(tmp_path: Path) -> None:
    """Microwatts become watts; a sensor without a label is called as its files are."""
    write_chip(
        tmp_path,
        3,
        "amdgpu",
        "pci0000:00/0000:03:00.0",
        power1_label="PPT",
        power1_input=12_345_678,
        power1_average=9_000_000,
        power2_input=1,
        power1_cap=300_000_000,
        temp1_input=40_000,
    )
    sample = source(tmp_path).read()

    assert figures(sample) == {
        ("amdgpu/0000:03:00.0", "PPT"): 12.345678,
        ("amdgpu/0000:03:00.0", "power2"): 0.000001,
    }
    assert figures(sample, AVERAGE_WATTS) == {("amdgpu/0000:03:00.0", "PPT"): 9.0}
    assert (sample.failures, sample.up) == ((), True)


def test_a_chip_keeps_its_name_when_the_kernel_numbers_anew(tmp_path: Path) -> None:
    """The numbers follow the order in which drivers load; the labels must not, or each boot makes new series."""
    shown = []
    for boot, numbers in enumerate([(0, 1), (7, 2)]):
        root = tmp_path / str(boot)
        write_chip(root, numbers[0], "amdgpu", "pci0000:00/0000:03:00.0", power1_input=5)
        write_chip(root, numbers[1], "amdgpu", "pci0000:00/0000:04:00.0", power1_input=7)
        shown.append(figures(source(root).read()))

    assert shown[0] == shown[1]
    assert len(shown[0]) == 2


def test_chips_that_cannot_be_told_apart_still_have_series_of_their_own(tmp_path: Path) -> None:
    """Two chips of one name and no device differ by their order."""
    for number in (10, 9):
        write_chip(tmp_path, number, "ina2xx", None, power1_input=number)

    assert figures(source(tmp_path).read()) == {("ina2xx/", "power1"): 9e-6, ("ina2xx/#2", "power1"): 10e-6}


def test_an_older_driver_keeps_its_files_in_the_device(tmp_path: Path) -> None:
    """As the ACPI power meter does: name, figure and labels are found there."""
    write_chip(tmp_path, 0, None, "LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00")
    device = tmp_path / "devices" / "LNXSYSTM:00" / "LNXSYBUS:00" / "ACPI000D:00"
    for file, text in (("name", "power_meter"), ("power1_average", 205_000_000), ("power1_is_battery", 0)):
        (device / file).write_text(f"{text}\n")

    assert figures(source(tmp_path).read(), AVERAGE_WATTS) == {("power_meter/ACPI000D:00", "machine"): 205.0}


@pytest.mark.parametrize(
    ("battery", "devices", "sensor"),
    [
        (0, [], "machine"),
        (0, ["LNXSYBUS:00"], "machine"),
        (0, ["device:00", "LNXSYBUS:00"], "machine"),
        (0, ["device:2f"], "device:2f"),
        (1, ["LNXSYBUS:00"], "battery"),
    ],
)
def test_an_acpi_meter_says_what_it_measures(tmp_path: Path, battery: int, devices: list[str], sensor: str) -> None:
    """The whole system, some of its devices, or a battery: only the first may stand for the node."""
    write_chip(tmp_path, 0, "power_meter", "ACPI000D:00", power1_average=1_000_000, power1_is_battery=battery)
    for device in devices:
        (tmp_path / "devices" / "ACPI000D:00" / "measures" / device).mkdir(parents=True)

    assert figures(source(tmp_path).read(), AVERAGE_WATTS) == {("power_meter/ACPI000D:00", sensor): 1.0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("4294967295000", Reason.IMPLAUSIBLE),
        ("4294967295", Reason.IMPLAUSIBLE),
        ("4294967274", Reason.IMPLAUSIBLE),  # -22 in 32 bits: EINVAL
        ("2147483647", Reason.IMPLAUSIBLE),
        ("65535000000", Reason.IMPLAUSIBLE),
        ("18446744073709551615", Reason.IMPLAUSIBLE),
        ("9" * 300, Reason.IMPLAUSIBLE),
        ("-1", Reason.IMPLAUSIBLE),
        ("-5000000", Reason.IMPLAUSIBLE),
        ("", Reason.PARSE),
        ("-", Reason.PARSE),
        ("N/A", Reason.PARSE),
        ("1.5", Reason.PARSE),
        ("0x10", Reason.PARSE),
        ("12 34", Reason.PARSE),
        ("²", Reason.PARSE),
    ],
)
def test_a_bad_sensor_hides_no_other(tmp_path: Path, text: str, reason: Reason) -> None:
    """What a driver says when it knows no figure is none; the sensor beside it is shown."""
    write_chip(tmp_path, 0, "x", "x.0", power1_input=text, power2_input=5_000_000)
    sample = source(tmp_path).read()

    assert figures(sample) == {("x/x.0", "power2"): 5.0}
    assert reasons(sample) == {("x/x.0", "power1"): reason}
    assert sample.up


def test_a_figure_that_was_cut_short_is_none(tmp_path: Path) -> None:
    """205 W of which the end is missing would be 20 W: a line without its end is not read."""
    chip = write_chip(tmp_path, 0, "power_meter", "ACPI000D:00")
    for cut in range(len("205000000")):
        (chip / "power1_average").write_text("205000000"[: cut + 1])
        assert reasons(source(tmp_path).read()) == {("power_meter/ACPI000D:00", "machine"): Reason.PARSE}

    (chip / "power1_average").write_text("205000000\n")
    assert figures(source(tmp_path).read(), AVERAGE_WATTS) == {("power_meter/ACPI000D:00", "machine"): 205.0}


def test_a_card_may_draw_nothing_and_the_machine_may_not(tmp_path: Path) -> None:
    """0 W of a sleeping card or a supply on stand-by is a figure; ACPI's driver says 0 when it was told nothing."""
    write_chip(tmp_path, 0, "amdgpu", "0000:03:00.0", power1_input=0)
    write_chip(tmp_path, 1, "power_meter", "ACPI000D:00", power1_average=0)
    sample = source(tmp_path).read()

    assert figures(sample) == {("amdgpu/0000:03:00.0", "power1"): 0.0}
    assert reasons(sample) == {("power_meter/ACPI000D:00", "machine"): Reason.IMPLAUSIBLE}
    assert figures(sample, AVERAGE_WATTS) == {}


def test_a_machine_whose_sensors_all_fail_is_down(tmp_path: Path) -> None:
    """A driver that refuses, and a file that is gone again, are named; there is no power."""
    chip = write_chip(tmp_path, 0, "x", "x.0")
    (chip / "power1_input").mkdir()  # reading it gives an error number of its own, like EIO from a driver
    (chip / "power2_input").symlink_to(tmp_path / "gone")
    sample = source(tmp_path).read()

    assert reasons(sample) == {("x/x.0", "power1"): Reason.UNSUPPORTED, ("x/x.0", "power2"): Reason.MISSING}
    assert not sample.up


def test_no_hwmon_and_no_power_sensor_are_told_apart(tmp_path: Path) -> None:
    """Nothing there is missing; chips without power are there, and cannot measure it."""
    with pytest.raises(SourceError) as nothing:
        source(tmp_path).read()
    write_chip(tmp_path, 0, "coretemp", "coretemp.0", temp1_input=40_000)
    with pytest.raises(SourceError, match="no-collector") as no_power:
        source(tmp_path).read()

    assert (nothing.value.reason, no_power.value.reason) == (Reason.MISSING, Reason.UNSUPPORTED)


def test_energy_alone_becomes_power_over_a_window(tmp_path: Path) -> None:
    """Processors and graphics cards that only count energy: sockets are shown, the cores inside them are not."""
    chip = write_chip(
        tmp_path,
        0,
        "amd_energy",
        "amd_energy.0",
        energy1_label="Ecore000",
        energy1_input=5,
        energy65_label="Esocket0",
        energy65_input=1_000_000,
    )
    clock = ManualClock()
    hwmon = source(tmp_path, clock)
    first = hwmon.read()
    clock.advance(4)
    (chip / "energy65_input").write_text("401000000\n")

    assert (first.readings, first.failures, first.up) == ((), (), True)
    assert figures(hwmon.read()) == {("amd_energy/amd_energy.0", "Esocket0"): 100.0}

    clock.advance(4)
    (chip / "energy65_input").write_text("7\n")  # the driver was loaded anew
    assert reasons(hwmon.read()) == {("amd_energy/amd_energy.0", "Esocket0"): Reason.IMPLAUSIBLE}


def test_power_is_preferred_to_energy(tmp_path: Path) -> None:
    """A chip that tells both is shown once."""
    write_chip(tmp_path, 0, "xe", "0000:03:00.0", power1_input=7_000_000, energy1_input=1)

    assert set(figures(source(tmp_path).read())) == {("xe/0000:03:00.0", "power1")}


def test_a_chip_that_hangs_is_late_alone_and_not_read_twice(tmp_path: Path) -> None:
    """While a driver hangs, the other chips are read; what it says when it wakes up is of no use any more."""
    chip = write_chip(tmp_path, 0, "corsairpsu", "psu", power1_label="power total")
    os.mkfifo(chip / "power1_input")
    write_chip(tmp_path, 1, "x", "x.0", power1_input=5_000_000)
    hwmon = source(tmp_path, deadline=0.2)
    samples = [hwmon.read(), hwmon.read()]
    hanging = [thread for thread in threading.enumerate() if thread.name == "hwmon psu"]

    for sample in samples:
        assert figures(sample) == {("x/x.0", "power1"): 5.0}
        assert reasons(sample) == {("corsairpsu/psu", "power total"): Reason.TIMEOUT}
    assert len(hanging) == 1

    with (chip / "power1_input").open("w") as pipe:  # opens when, and only when, the one read is still under way
        pipe.write("88000000\n")
    (chip / "power1_input").unlink()
    (chip / "power1_input").write_text("77000000\n")
    while reasons(sample := hwmon.read()):
        pass  # the read has been let go of, and ends
    assert figures(sample)["corsairpsu/psu", "power total"] == 77.0


def test_a_chip_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    """Cards are plugged and drivers loaded while the exporter runs."""
    write_chip(tmp_path, 0, "x", "x.0", power1_input=5_000_000)
    hwmon = source(tmp_path)
    assert len(figures(hwmon.read())) == 1
    other = write_chip(tmp_path, 1, "y", "y.0", power1_input=6_000_000)
    assert len(figures(hwmon.read())) == 2
    (other / "power1_input").unlink()
    assert len(figures(hwmon.read())) == 1


def test_a_sensor_that_comes_late_is_noticed(tmp_path: Path) -> None:
    """A driver may give a chip that is known already more files; it is looked at again once a minute."""
    chip = write_chip(tmp_path, 0, "x", "x.0", power1_input=5_000_000)
    clock = ManualClock()
    hwmon = source(tmp_path, clock)
    hwmon.read()
    (chip / "power2_input").write_text("6000000\n")
    clock.advance(60)

    assert figures(hwmon.read()) == {("x/x.0", "power1"): 5.0, ("x/x.0", "power2"): 6.0}


def test_all_hwmon_going_away_is_noticed_at_once(tmp_path: Path) -> None:
    """What was found before is no stand-in for what is there no more."""
    chip = write_chip(tmp_path, 0, "x", "x.0", power1_input=5_000_000)
    hwmon = source(tmp_path)
    hwmon.read()
    shutil.rmtree(chip)

    with pytest.raises(SourceError, match="no chip") as caught:
        hwmon.read()
    assert caught.value.reason is Reason.UNSUPPORTED

    write_chip(tmp_path, 0, "x", "x.0", power1_input=6_000_000)
    assert figures(hwmon.read()) == {("x/x.0", "power1"): 6.0}


def outcome(parse: Callable[[str], int], text: str) -> int | Reason:
    """Return what the parser makes of the text: a figure, or the reason why there is none."""
    try:
        return parse(text)
    except SourceError as error:
        return error.reason


@given(st.text() | st.integers().map(str))
def test_a_figure_is_never_guessed(text: str) -> None:
    """Whatever the file says: the number that stands there, below what any sensor reaches, or a named reason."""
    said = outcome(parse_microwatts, text)

    assert said in {Reason.PARSE, Reason.IMPLAUSIBLE} or (text.isascii() and 0 <= int(text) < 65_535_000_000)
    assert isinstance(said, Reason) or said == int(text)


@given(st.text() | st.integers(0, 2**65).map(str))
def test_a_count_is_never_guessed(text: str) -> None:
    """Digits of 64 bits, or a reason."""
    said = outcome(parse_microjoules, text)

    assert said is Reason.PARSE or (text.isascii() and 0 <= int(text) < 2**64)
    assert isinstance(said, Reason) or said == int(text)


LABELS = st.sampled_from(["pin", "pin power1", "power1", "power2", "", " ", "pin\n"]) | st.text()


@given(st.dictionaries(st.integers(1, 9).map(lambda number: f"power{number}"), LABELS))
def test_every_sensor_has_a_name_of_its_own(labels: dict[str, str]) -> None:
    """Whatever drivers call their sensors, no two share a series and no name can steer a terminal."""
    names = name_sensors(labels)

    assert names.keys() == labels.keys()
    assert len(set(names.values())) == len(names)
    assert all(name.isascii() and name.isprintable() and name for name in names.values())
