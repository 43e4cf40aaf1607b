"""Small worlds for the tests: a powercap tree, a clock turned by hand, sources that do as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.readings import Clock, Family, Reading, Sample, Snapshot, SourceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from exporter.readings import Failure

WALL = 1_700_000_000.0
"""Unix time at which a `ManualClock` starts."""

POWER = Family("wattshift_fake_watts", "gauge", "Made up.", ("part",))


class ManualClock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep = 0.0
        self.clock = Clock(
            monotonic=lambda: self.now, wall=lambda: WALL + self.now - 1000.0, asleep=lambda: self.asleep
        )

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def suspend(self, seconds: float) -> None:
        """Let time pass while the machine is suspended."""
        self.now += seconds
        self.asleep += seconds


class FakeSource:
    """A source whose read is a function of the test's."""

    families = (POWER,)

    def __init__(
        self, read: Callable[[], Sample], name: str = "fake", interval: float = 0.01, deadline: float = 60.0
    ) -> None:
        self.name = name
        self.interval = interval
        self.deadline = deadline
        self.closed = False
        self._read = read

    def read(self) -> Sample:
        """Do what the test said."""
        return self._read()

    def close(self) -> None:
        """Remember that it was asked to end."""
        self.closed = True


def power(watts: float, part: str = "") -> Sample:
    """Return a sample with one figure."""
    return Sample((Reading(POWER.name, (part,), watts),))


def write_zone(sysfs: Path, directory: str, name: str, energy: object, span: object = 262_143_328_850) -> Path:
    """Write one powercap zone; return its folder."""
    zone = sysfs / "class" / "powercap" / directory
    zone.mkdir(parents=True, exist_ok=True)
    for file, text in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", span)):
        (zone / file).write_text(f"{text}\n")
    return zone


def write_chip(sysfs: Path, number: int, name: str | None, device: str | None, **files: object) -> Path:
    """Write one chip, and the device it belongs to; return its folder."""
    chip = sysfs / "class" / "hwmon" / f"hwmon{number}"
    chip.mkdir(parents=True)
    if device is not None:
        home = sysfs / "devices" / device
        home.mkdir(parents=True, exist_ok=True)
        (chip / "device").symlink_to(home)
    if name is not None:
        (chip / "name").write_text(f"{name}\n")
    for file, text in files.items():
        (chip / file).write_text(f"{text}\n")
    return chip


def snapshot(
    readings: Iterable[tuple[str, tuple[str, ...], float]] = (), failures: Iterable[tuple[str, Failure]] = ()
) -> Snapshot:
    """Return a snapshot with these figures and failures; a figure's source is the word after ``wattshift_``."""
    readings, failures = list(readings), list(failures)
    names = dict.fromkeys([family.split("_")[1] for family, _, _ in readings] + [source for source, _ in failures])
    return Snapshot(
        tuple(
            SourceState(
                source=name,
                up=True,
                readings=tuple(Reading(*row) for row in readings if row[0].split("_")[1] == name),
                failures=tuple(failure for source, failure in failures if source == name),
                last_success=WALL,
                duration=0.1,
                errors={},
                reads=2,
            )
            for name in names
        )
    )
