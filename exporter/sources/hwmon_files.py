"""The files of the hwmon class: where a chip's sensors are, what they are called, and what their text means.

Files and units: Documentation/hwmon/sysfs-interface.rst.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter import sysfs
from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ACPI_METER = "power_meter"
"""The name of ACPI's power meter (drivers/hwmon/acpi_power_meter.c)."""
MACHINE = "machine"
"""What the sensor of an ACPI meter is called that measures the whole machine."""
COUNTER_SPAN = 2**64 - 1
"""The highest value of an energy counter, in microjoules."""

_FILE = re.compile(r"(power|energy)(\d{1,4})_(input|average)")
_CORE = re.compile(r"Ecore\d+")  # amd_energy's, a hundred of them inside its sockets
_LONGEST_LABEL = 64

_MOST_DIGITS = 20  # of 64 bits
_TOO_MUCH = 0xFFFF * 10**6  # µW: 16 bits of watts, which no sensor reaches; above it are 32 bits of milliwatts, all set
# All bits set, or an error number where a figure belongs, in 32 bits.
_NO_FIGURE = (range(2**32 - 4096, 2**32), range(2**31 - 1, 2**31))


def parse_microwatts(text: str) -> int:
    """Return the microwatts in a sensor's file, blanks stripped.

    Raises:
        SourceError: the text is no decimal number, or one that no sensor can mean: negative, or a marker for "none".
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise SourceError(Reason.PARSE, f"{text[:40]!r} is not a number of microwatts")
    if (
        len(digits) > _MOST_DIGITS
        or not 0 <= (figure := int(text)) < _TOO_MUCH
        or any(figure in none for none in _NO_FIGURE)
    ):
        raise SourceError(Reason.IMPLAUSIBLE, f"{text[:40]} µW is a driver's way to say that it knows none")
    return figure


def parse_microjoules(text: str) -> int:
    """Return the count in an energy file, blanks stripped.

    Raises:
        SourceError: the text is no decimal number of 64 bits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) <= COUNTER_SPAN):
        raise SourceError(Reason.PARSE, f"{text[:40]!r} is not a count of microjoules")
    return int(text)


def name_sensors(labels: Mapping[str, str]) -> dict[str, str]:
    """Return a name of its own for each sensor (``power1``): its driver's label, or else that very word."""
    cleaned = {sensor: _clean(label) or sensor for sensor, label in labels.items()}
    often = Counter(cleaned.values())
    named = {sensor: label if often[label] == 1 else f"{label} {sensor}" for sensor, label in cleaned.items()}
    return named if len(set(named.values())) == len(named) else {sensor: sensor for sensor in labels}


def _clean(label: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in label.strip())[:_LONGEST_LABEL].strip()


def sensor_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the files to read of each sensor, by what they are; energy only where the chip gives no power.

    Folders are listed and no file is read, so no driver is asked.
    """
    found: dict[str, dict[str, Path]] = {}
    energy: dict[str, dict[str, Path]] = {}
    for place in (folder / "device", folder):  # what the chip's own folder has counts
        try:
            paths = sysfs.children(place)
        except SourceError:
            continue  # a chip without a device, or one that goes away at this moment
        for path in paths:
            if match := _FILE.fullmatch(path.name):
                kind = "energy" if match[1] == "energy" else match[3]
                into = energy if kind == "energy" else found
                into.setdefault(f"{match[1]}{match[2]}", {})[kind] = path
    return found or energy


def device_name(folder: Path) -> str:
    """Return the name of the device that a chip belongs to, which stays when hwmonN is numbered otherwise."""
    device = folder / "device"
    return _clean(device.resolve().name) if device.exists() else ""


@dataclass(frozen=True, slots=True)
class Names:
    """What to call a chip, and each of its sensors after what it measures; ``unread`` are those that did not tell."""

    driver: str
    sensors: Mapping[str, str]
    unread: Mapping[str, SourceError]


def read_names(folder: Path, sensors: Iterable[str]) -> Names:
    """Read the names of a chip's driver and sensors; the cores of a processor are left out beside their sockets.

    A sensor without a label is called as its files are; so is one that cannot be named, which is another matter.
    """
    labels: dict[str, str] = {}
    unread: dict[str, SourceError] = {}
    driver = ""
    try:
        driver = _optional(folder, "name")
    except SourceError as error:
        unread = dict.fromkeys(sensors, error)
    for sensor in sensors:
        try:
            label = _measures(folder, sensor) if driver == ACPI_METER else _optional(folder, f"{sensor}_label")
        except SourceError as error:
            label = ""
            unread[sensor] = error
        if not (sensor.startswith("energy") and _CORE.fullmatch(label)):
            labels[sensor] = label
    return Names(_clean(driver).replace("/", "_"), name_sensors(labels), unread)


def _measures(folder: Path, sensor: str) -> str:
    r"""Return what an ACPI meter measures: the machine, a battery, or the devices that its ``measures`` lists.

    ACPI 6.5, section 10.4: a meter of the whole system lists ``\_SB``, which Linux calls LNXSYBUS, or nothing.
    """
    if _optional(folder, f"{sensor}_is_battery") == "1":
        return "battery"
    for place in (folder / "device", folder):
        try:
            devices = [path.name for path in sysfs.children(place / "measures")]
        except SourceError:
            if not os.path.lexists(place / "measures"):
                continue
            raise
        if devices and not any(device.startswith(("LNXSYBUS", "LNXSYSTM")) for device in devices):
            return " ".join(devices)
    return MACHINE


def _optional(folder: Path, name: str) -> str:
    """Return a chip's attribute, of its own folder or, with older drivers, of its device's; nothing if it has none.

    Raises:
        SourceError: it has one, which cannot be read.
    """
    for place in (folder, folder / "device"):
        try:
            return sysfs.text(place / name)
        except SourceError as error:
            if error.reason is not Reason.MISSING or os.path.lexists(place / name):
                raise
    return ""
