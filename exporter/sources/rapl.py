"""RAPL: the processor's own energy counters, as the kernel's powercap class shows them.

Layout and file names: Documentation/power/powercap/powercap.rst and Documentation/ABI/testing/sysfs-class-powercap.
Zones are flat under ``<sysfs>/class/powercap``: ``intel-rapl:0`` is a package, ``intel-rapl:0:1`` a zone inside it,
``intel-rapl-mmio:0`` the same package read another way. Indexes are hexadecimal. AMD's zones have the same names.

One thing measured is one series: its MSR zone, and its MMIO zone only while there is no MSR zone that can be read.
The two differ a little, so they are neither added nor averaged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter import sysfs
from exporter.energy import EnergyMeter
from exporter.readings import Clock, Failure, Family, Reading, Reason, Sample, SourceError
from exporter.sources.rapl_files import name_zone, read_count, read_name

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.energy import Energy
    from exporter.settings import Pace
    from exporter.sources.rapl_files import Zone

JOULES = "wattshift_rapl_joules_total"
WATTS = "wattshift_rapl_watts"

_LABELS = ("package", "die", "domain")
_DIRECTORY = re.compile(r"(intel-rapl|intel-rapl-mmio):([0-9a-f]+(?::[0-9a-f]+)*)")

# A core or graphics counter may rightly stand still (parked, or not wired on servers). No other zone of a machine
# that runs this program draws nothing.
_MAY_REST = frozenset({"core", "uncore"})
# Boards without the wiring for these show a counter all the same, which never leaves 0: such a zone is none.
_MAY_BE_UNWIRED = frozenset({"dram", "psys"})

_MMIO = "intel-rapl-mmio"
UNNAMED_TWIN = ("", "", _MMIO)
"""The labels of MMIO zones whose names cannot be read where the packages have MSR zones: nothing is lost with them."""
_MOST_ZONES = 1024  # things measured in one life of the exporter; the largest machines have a quarter of it

# What a counter that fails in one of these ways will go on doing; its twin is worth changing to. Any other failure
# passes, and a change of counter would cost the energy of a window.
_LASTING = frozenset({Reason.PERMISSION, Reason.MISSING, Reason.UNSUPPORTED})
_NO_DRIVER = "load the driver (modprobe intel_rapl_msr); a virtual machine has none"


class Rapl:
    """Reads every zone; a zone that cannot be read hides no other."""

    name = "rapl"
    families = (
        Family(JOULES, "counter", "Energy used since the exporter started, unwrapped, of one RAPL zone.", _LABELS),
        Family(WATTS, "gauge", "Mean power of one RAPL zone over the newest sampling window.", _LABELS),
    )

    def __init__(self, root: Path, pace: Pace, clock: Clock) -> None:
        self.interval = pace.interval
        self.deadline = pace.deadline
        self._root = root / "class" / "powercap"
        self._clock = clock
        self._counters: dict[tuple[str, str, str], _Counter] = {}
        self._present: tuple[tuple[str, int], ...] | None = None
        self._zones: dict[tuple[str, str, str], list[Zone]] = {}
        self._names: dict[tuple[str, int], str] = {}

    def close(self) -> None:
        """There is nothing to end."""

    def read(self) -> Sample:
        """Read all counters once.

        Raises:
            SourceError: missing, when the machine has no RAPL zone at all; unsupported, when none of them counts.
        """
        failures = self._discover()
        readings: list[Reading] = []
        begins = False
        for labels, twins in self._zones.items():
            try:
                figures = self._measure(labels, twins)
            except SourceError as error:
                failures.append(Failure(error.reason, f"{twins[0].path.name}: {error.detail}", labels))
                continue
            if not figures:
                continue
            begins = begins or len(figures) == 1  # joules alone: its first window has only begun
            if figures[-1] == Reading(WATTS, labels, 0.0) and labels[2] not in _MAY_REST:
                figures.pop()
                failures.append(Failure(Reason.IMPLAUSIBLE, f"{twins[0].path.name}: its counter stood still", labels))
            readings += figures
        failures += self._gone({failure.labels for failure in failures})
        if not (readings or failures):
            raise SourceError(Reason.UNSUPPORTED, f"no zone in {self._root} has ever counted anything")
        return Sample(tuple(readings), tuple(failures), up=not failures or begins or _has_power(readings))

    def _measure(self, labels: tuple[str, str, str], twins: list[Zone]) -> list[Reading]:
        """Read the counter of one thing measured: the one read before while it can be, else the first that can.

        Nothing is returned of a thing that turns out not to be wired.
        """
        counter = self._counters.get(labels)
        if counter is None:
            if len(self._counters) == _MOST_ZONES:
                raise SourceError(
                    Reason.UNSUPPORTED, f"more than {_MOST_ZONES} zones came and went: restart the exporter"
                )
            counter = self._counters[labels] = _Counter(EnergyMeter(2 * self.interval + self.deadline))
        first: SourceError | None = None
        for zone in sorted(twins, key=lambda zone: zone.path != counter.stand_in):
            try:
                raw, span = read_count(zone)
            except SourceError as error:
                first = first or error
                if error.reason not in _LASTING:
                    break
                continue
            energy = counter.advance(zone.path, raw, span, self._clock)
            counter.stand_in = zone.path if first else counter.stand_in
            if counter.unwired and labels[2] in _MAY_BE_UNWIRED:
                return []
            readings = [Reading(JOULES, labels, energy.microjoules / 1e6)]
            if energy.watts is not None:
                readings.append(Reading(WATTS, labels, energy.watts))
            return readings
        assert first is not None  # noqa: S101 - a thing measured has a zone
        raise first

    def _discover(self) -> list[Failure]:
        """Find the zones by the thing they measure, MSR before MMIO; return why some have no name of their own.

        A zone's name stays, so it is read once, and the zones are found again only when the kernel has made or removed
        one.
        """
        present = _entries(self._root)
        if present == self._present:
            return []
        found = sorted(
            (match[1], [int(index, 16) for index in match[2].split(":")], entry)
            for entry in present
            if (match := _DIRECTORY.fullmatch(entry[0]))
        )
        if not found:
            raise SourceError(Reason.MISSING, f"{self._root} has no RAPL zone: {_NO_DRIVER}")
        zones: dict[tuple[str, str, str], dict[str, list[Zone]]] = {}
        names: dict[tuple[str, int], str] = {}
        parents: dict[str, str | Reason] = {}
        failures: list[Failure] = []
        for control, index, entry in found:
            path = self._root / entry[0]
            spare = control == _MMIO and any(
                labels[2] == "package" and "intel-rapl" in zones[labels] for labels in zones
            )
            try:
                name = names[entry] = parents[path.name] = self._names.get(entry) or read_name(path)
            except SourceError as error:
                parents[path.name] = error.reason
                failures.append(Failure(error.reason, error.detail, UNNAMED_TWIN if spare else ()))
                continue
            above = f"{control}:{index[0]:x}"
            parent = parents.get(above, Reason.MISSING) if index[1:] else None
            if isinstance(parent, Reason):
                detail = f"{path.name}: the name of {above}, which it is a part of, is not known"
                failures.append(Failure(parent, detail, UNNAMED_TWIN if spare else ("", "", name)))
                continue
            zone = name_zone(path, name, parent)
            zones.setdefault(zone.labels, {}).setdefault(control, []).append(zone)
        self._names = names
        alone: dict[tuple[str, str, str], list[Zone]] = {}
        for labels, controls in zones.items():
            twins = next(iter(controls.values()))
            if len(twins) == 1:
                alone[labels] = [zone for those in controls.values() if len(those) == 1 for zone in those]
            else:
                same = " and ".join(zone.path.name for zone in twins)
                failures.append(Failure(Reason.PARSE, f"{same} have one name: nothing tells them apart", labels))
        self._zones = alone
        self._present = None if failures else present
        return failures

    def _gone(self, told: set[tuple[str, ...]]) -> list[Failure]:
        """Return what was measured before and is not there: a sum that lacks it would look like less power."""
        return [
            Failure(
                Reason.MISSING,
                f"{counter.path.name} ({labels[2]}) was here before; restart the exporter if it is gone for good",
                labels,
            )
            for labels, counter in self._counters.items()
            if counter.path and not counter.unwired and labels not in self._zones and labels not in told
        ]


class _Counter:
    """The energy of one thing measured, whichever of its counters was read; it never falls."""

    def __init__(self, meter: EnergyMeter) -> None:
        self._meter = meter
        self._counted = False
        self.path: Path | None = None
        """The zone that was read last."""
        self.unwired = False
        """Whether it has been 0 at every reading so far, for a window at least."""
        self.stand_in: Path | None = None
        """The zone that took the place of one that could not be read; kept, since each change costs a window."""

    def advance(self, path: Path, raw: int, span: int, clock: Clock) -> Energy:
        """Take the present value of the counter at ``path``, as `EnergyMeter.advance` does."""
        if path != self.path:
            self._meter.start_anew()
            self.path = path
        self._counted = self._counted or raw > 0
        energy = self._meter.advance(raw, span, clock.monotonic(), clock.asleep())
        self.unwired = not self._counted and (self.unwired or energy.watts is not None)
        return energy


def _has_power(readings: list[Reading]) -> bool:
    """Tell whether any zone draws power; energy counted before is none, and a resting zone's zero is none."""
    return any(reading.family == WATTS and reading.value > 0 for reading in readings)


def _entries(folder: Path) -> tuple[tuple[str, int], ...]:
    try:
        return sysfs.entries(folder)
    except SourceError as error:
        missing = f": {_NO_DRIVER}" if error.reason is Reason.MISSING else ""
        raise SourceError(error.reason, f"{error.detail}{missing}") from error
