"""A cross-check, fed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.cross_check import CrossCheck
from exporter.readings import Kind, Sample, Snapshot
from exporter.sources import dcmi, hwmon, powerstat, rapl
from tests.exporter.worlds import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.readings import Disagreement

PACKAGE = ("0", "", "package")
METER = ("power_meter/ACPI000D:00", "machine")
READ_BY = {"acpi": "hwmon", "psu": "hwmon", "psys": "rapl"}
"""The sources of the figures that are not called as theirs is."""
ABOVE, FROZEN = Kind.ABOVE_METER, Kind.FROZEN


def shown(source: str, watts: float) -> Snapshot:
    """Return what is shown when the node draws so many watts by this figure."""
    zones = {"rapl": PACKAGE, "psys": ("", "", "psys")}
    if source in zones:
        return snapshot([(rapl.JOULES, zones[source], 1.0), (rapl.WATTS, zones[source], watts)])
    family, labels = {
        "dcmi": (dcmi.WATTS, ("local",)),
        "acpi": (hwmon.AVERAGE_WATTS, METER),
        "psu": (hwmon.WATTS, ("pfe1100/3-0058", "pin")),
        "powerstat": (powerstat.WATTS, ("0",)),
    }[source]
    return snapshot([(family, labels, watts)])


class Bench:
    """A cross-check that is fed each source's reads, every ten seconds or as often as it is told."""

    def __init__(self, pause: float = 10.0, span: float = 60.0) -> None:
        self.check = CrossCheck(span)
        self.pause = pause
        self.now = 1000.0 * 60
        self.news: list[str] = []

    def run(self, seconds: float, **power: float | Callable[[float], float]) -> None:
        """Let time pass in which the sources read so many watts; a function is asked at each read."""
        began = self.now
        while self.now < began + seconds:
            for source, watts in power.items():
                value = watts(self.now) if callable(watts) else watts
                self.news += self.check.observe(READ_BY.get(source, source), shown(source, value), self.now)
            self.now += self.pause

    def holds(self, source: str, kind: Kind) -> bool | None:
        """Return whether the source contradicts another now; None when that cannot be judged."""
        return next((one.holds for one in self._state() if (one.source, one.kind) == (source, kind)), None)

    def onsets(self) -> dict[tuple[str, str], int]:
        """Return what began, and how often."""
        return {(one.source, one.kind.value): one.onsets for one in self._state() if one.onsets}

    def _state(self) -> Iterable[Disagreement]:
        return self.check.state(self.now)


def no_read() -> Sample:
    """Give nothing: the pace of a source is asked for alone."""
    return Sample(())


def flicker(watts: float) -> Callable[[float], float]:
    """Return a figure that is never twice the same, as those of living sensors are."""
    return lambda now: watts + (now / 10.0 % 7) / 100.0
