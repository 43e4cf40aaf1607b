"""hwmon: the power sensors that other drivers bring along, as the kernel's hwmon class shows them.

Files and units: Documentation/hwmon/sysfs-interface.rst: ``power<N>_input`` and ``power<N>_average`` are microwatts,
``energy<N>_input`` is microjoules since the driver started, which is all that some processors and graphics cards have.
Older drivers, the ACPI power meter among them for many years, keep the files in ``hwmonN/device``.

Most of these sensors see one part: a graphics card, a network card, a regulator. `sees_machine` knows the few that see
the whole machine, by the names of their drivers.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter import sysfs
from exporter.energy import EnergyMeter
from exporter.readings import Clock, Failure, Family, Reading, Reason, Sample, SourceError
from exporter.sources.hwmon_files import (
    ACPI_METER,
    COUNTER_SPAN,
    MACHINE,
    Names,
    device_name,
    parse_microjoules,
    parse_microwatts,
    read_names,
    sensor_files,
)
from exporter.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.settings import Pace

WATTS = "wattshift_hwmon_watts"
AVERAGE_WATTS = "wattshift_hwmon_average_watts"

# Power supplies, by their drivers' names and the label of the one sensor that sees all they deliver. Corsair's is what
# goes out, PMBus's `pin` what goes in. The generic driver `pmbus` is left out: it serves regulators as well.
_PMBUS = "acbel_fsg032 bpa-rs600 bpd-rs600 cffps cffps1 cffps2 dps920ab intel_crps185 ipsps1 pfe1100 pfe3000 ym2151e"
_PSU_SENSOR = {"corsairpsu": re.compile("power total")} | dict.fromkeys(_PMBUS.split(), re.compile(r"pin\d*"))

_LABELS = ("chip", "sensor")
_LOOK_SECONDS = 60.0
_CHIP = re.compile(r"hwmon(\d{1,9})")
_UNNAMED = re.compile(r"(power|energy)\d+")
_MOST_HANGING = 16  # threads of chips that went while their drivers hung
_MOST_METERS = 256  # sensors that see the machine, in one life of the exporter


def is_acpi_meter(chip: str) -> bool:
    """Tell whether the chip of this name is ACPI's power meter."""
    return _driver(chip) == ACPI_METER


def sees_machine(chip: str, sensor: str) -> bool:
    """Tell whether this sensor sees the whole machine, or all that goes through one of its power supplies."""
    if is_acpi_meter(chip):
        return sensor == MACHINE
    pattern = _PSU_SENSOR.get(_driver(chip))
    return pattern is not None and pattern.fullmatch(sensor) is not None


def may_see_machine(chip: str, sensor: str) -> bool:
    """Tell whether this sensor, as far as its driver is known at all, may be one that sees the machine."""
    driver = _driver(chip)
    unnamed = driver in {ACPI_METER, *_PSU_SENSOR} and _UNNAMED.fullmatch(sensor) is not None
    return not driver or unnamed or sees_machine(chip, sensor)


def _driver(chip: str) -> str:
    return chip.partition("/")[0]


class Hwmon:
    """Reads every power sensor; one that fails, or hangs in its driver, hides none of another chip's."""

    name = "hwmon"
    families = (
        Family(WATTS, "gauge", "Power by one hwmon sensor.", _LABELS),
        Family(AVERAGE_WATTS, "gauge", "Power by one hwmon sensor, as the mean over the sensor's own window.", _LABELS),
    )

    def __init__(self, root: Path, pace: Pace, clock: Clock) -> None:
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._root = root / "class" / "hwmon"
        self._clock = clock
        self._chips: dict[str, _Chip] = {}
        self._hanging: dict[str, _Chip] = {}
        self._meters: set[tuple[str, ...]] = set()
        self._present: tuple[tuple[str, int], ...] | None = None
        self._found_at = -math.inf

    def close(self) -> None:
        """Let the chips' threads end; one that hangs does when the kernel lets go of its read."""
        for chip in (*self._chips.values(), *self._hanging.values()):
            chip.worker.end()

    def read(self) -> Sample:
        """Read all sensors once, each chip in a thread of its own; a chip that hangs is not read beside that.

        Raises:
            SourceError: missing, when there is no hwmon at all; unsupported, when no chip of it measures power.
        """
        failures = self._discover()
        chips = list(self._chips.values())
        until = time.monotonic() + self.deadline
        asked = [chip.worker.ask() for chip in chips]
        done = [
            chip.worker.answer(until - time.monotonic()) if begun else None
            for chip, begun in zip(chips, asked, strict=True)
        ]
        readings: list[Reading] = []
        begins = False
        twins: Counter[str] = Counter()
        for chip, sample in zip(chips, done, strict=True):
            name = chip.job.name
            twins[name] += 1
            if name and twins[name] > 1:
                name += f"#{twins[name]}"
            if sample is None:
                why = f"{name or chip.job.folder.name}: no answer from its driver within {self.deadline:g} s"
                late = [Failure(Reason.TIMEOUT, why, (name, sensor)) for sensor in chip.job.sensors]
                failures += late or [Failure(Reason.TIMEOUT, why)]
                continue
            readings += [replace(reading, labels=(name, *reading.labels[1:])) for reading in sample.readings]
            failures += [replace(failure, labels=(name, *failure.labels[1:])) for failure in sample.failures]
            begins = begins or sample.up
        failures += self._gone({row.labels for row in readings} | {row.labels for row in failures})
        if len(self._meters) < _MOST_METERS:
            self._meters |= {row.labels for row in readings if sees_machine(*row.labels)}
        self._present = None if failures else self._present
        if not (readings or failures or begins):
            raise SourceError(Reason.UNSUPPORTED, f"no chip in {self._root} measures power: --no-collector.hwmon")
        return Sample(tuple(readings), tuple(failures), up=bool(readings) or begins)

    def _gone(self, told: set[tuple[str, ...]]) -> list[Failure]:
        """Return what saw the machine before and is not there: a sum that lacks it would look like less power."""
        advice = "was here before; restart the exporter if it is gone for good"
        return [Failure(Reason.MISSING, f"{' '.join(one)} {advice}", one) for one in sorted(self._meters - told)]

    def _discover(self) -> list[Failure]:
        """Find the chips with power sensors; a chip that was there before keeps its thread and its counters' history.

        They are looked for again when the kernel has made or removed any chip, when something failed, and after a
        while, since a driver may give a chip more files. Only folders are listed: a driver may hang when it is asked.
        """
        present, now = sysfs.entries(self._root), self._clock.monotonic()
        if present == self._present and now - self._found_at < _LOOK_SECONDS:
            return []
        jobs: dict[str, _Job] = {}
        folders = sorted((int(match[1]), self._root / name) for name, _ in present if (match := _CHIP.fullmatch(name)))
        for _, folder in folders:
            files = sensor_files(folder)
            if not files:
                continue
            place = str((folder / "device").resolve())
            while place in jobs:
                place += "+"
            jobs[place] = _Job(folder, files, self._clock, 2 * self.interval + self.deadline)
        known = self._chips | self._hanging
        gone = {place: chip for place, chip in known.items() if place not in jobs}
        self._hanging = {place: chip for place, chip in gone.items() if chip.worker.hangs}
        for place in gone.keys() - self._hanging.keys():
            gone[place].worker.end()
        found: dict[str, _Chip] = {}
        failures: list[Failure] = []
        for place, job in jobs.items():
            if place in known:
                found[place] = known[place]
                found[place].take(job)
            elif len(self._hanging) < _MOST_HANGING:
                found[place] = _Chip(job)
            else:
                why = f"{job.folder.name}: not read, as the drivers of {_MOST_HANGING} chips that went still hang: "
                failures.append(Failure(Reason.TIMEOUT, f"{why}reboot the node"))
        self._chips, self._present, self._found_at = found, present, now
        return failures


class _Chip:
    """A chip: what is to be done for it now, and the thread that does it, which may hang in what was before."""

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.worker = Worker(self._read, f"hwmon {device_name(job.folder)}")

    def _read(self) -> Sample:
        return self.job.read()

    def take(self, job: _Job) -> None:
        """Read by this job from now on, if its files are others; the chip is called as before until it tells anew."""
        if job.files != self.job.files:
            job.name, job.sensors = self.job.name, self.job.sensors
            self.job = job


class _Job:
    """What is done in a chip's thread: its names are read until all are known, its figures each time."""

    def __init__(
        self, folder: Path, files: Mapping[str, Mapping[str, Path]], clock: Clock, longest_window: float
    ) -> None:
        self.folder = folder
        self.files = files
        self._clock = clock
        self._longest_window = longest_window
        self.name = ""
        """What the chip is called; nothing until it is known."""
        self.sensors: tuple[str, ...] = ()
        self._names: Names | None = None
        self._meters: dict[str, EnergyMeter] = {}

    def read(self) -> Sample:
        """Return what the sensors say."""
        names = self._names or read_names(self.folder, self.files)
        self._names = names
        name = self.name = f"{names.driver}/{device_name(self.folder)}"
        self.sensors = tuple(names.sensors.values())
        readings: list[Reading] = []
        failures: list[Failure] = []
        begins = False
        for sensor, label in names.sensors.items():
            labels = (name, label)
            if names.driver in _PSU_SENSOR and _UNNAMED.fullmatch(label) and sensor not in names.unread:
                why = f"{name}: {sensor} has no label: it may be the one that sees the machine"
                failures.append(Failure(Reason.MISSING, why, labels))
                self._names = None
            if sensor in names.unread:
                error = names.unread[sensor]
                self._names = None
                failures.append(Failure(error.reason, f"{name}: {error.detail}", labels))
                continue
            for kind, path in self.files[sensor].items():
                try:
                    watts = self._watts(sensor, kind, path, is_acpi=names.driver == ACPI_METER)
                except SourceError as error:
                    failures.append(Failure(error.reason, f"{name}: {error.detail}", labels))
                    continue
                if watts is None:
                    begins = True
                else:
                    readings.append(Reading(AVERAGE_WATTS if kind == "average" else WATTS, labels, watts))
        return Sample(tuple(readings), tuple(failures), up=begins)

    def _watts(self, sensor: str, kind: str, path: Path, *, is_acpi: bool) -> float | None:
        """Return one file's watts; None when it counts energy and no window of the present has ended yet.

        0 W is a figure: a graphics card sleeps, a second power supply stands by. Only ACPI's meter cannot mean it,
        since this machine runs; its driver shows 0 for as long as the firmware gives it none (`_PMM` fails).
        """
        text = sysfs.line(path)
        if kind == "energy":
            meter = self._meters.setdefault(sensor, EnergyMeter(self._longest_window))
            clock = self._clock
            return meter.advance(parse_microjoules(text), COUNTER_SPAN, clock.monotonic(), clock.asleep()).watts
        microwatts = parse_microwatts(text)
        if microwatts == 0 and is_acpi:
            raise SourceError(Reason.IMPLAUSIBLE, "the meter reads 0 W of a machine that is on")
        return microwatts / 1e6
