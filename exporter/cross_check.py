"""Whether the sources contradict each other: what they said over whole minutes, compared.

One sample proves nothing: a BMC averages, lags behind by a minute or more and rounds to watts. So complete minutes are
compared, of which each holds several reads, and only what no lag explains is a disagreement. Where a source is read too
seldom for that, a minute here is as many minutes as it needs (`span`):

* ``above_meter``: in each of three minutes on end, packages and memory drew more on average than the meter of the whole
  machine says, by over 5 % and a watt. A part cannot exceed the whole. It is counted against the meter, which is the
  figure that people believe; but either may be wrong, so the order of the figures stays as it is.
* ``frozen``: a figure was the same to the last digit in every read of five minutes, while the minutes of another that
  measures a part of it, or the same, differed by over 10 W and 10 %; the last of them ended two minutes ago. An idle
  machine whose meter shows the same whole watts for hours is not frozen: nothing else moves. It lasts until the figure
  changes, even while the source is silent: one that comes back with the old figure has shown no new one. That the whole
  moves proves nothing about a part: disks and cards move it as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.node_power import figure
from exporter.readings import Disagreement, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.readings import Snapshot, Source

_MINUTE = 60.0
_LEAST_READS = 3
_KEPT = 5
"""Complete minutes that are looked back on."""
_ABOVE_MINUTES = 3
_LAG_MINUTES = 2

_WHOLE = ("dcmi", "acpi", "psu")
_PARTS = "rapl"
# What a figure sees of the machine: one that sees less, or as much, moves it.
_EXTENT = {"dcmi": 3, "acpi": 3, "psu": 3, "psys": 2, "rapl": 1, "powerstat": 1}
_NAMES = {"dcmi": ("dcmi",), "hwmon": ("acpi", "psu"), "rapl": ("psys", "rapl"), "powerstat": ("powerstat",)}
"""The figures for the node by the source that they come from."""


def span(sources: Iterable[Source]) -> float:
    """Return the seconds over which to compare: whole minutes, in which the slowest source is read often enough."""
    rhythms = [source.interval + source.deadline for source in sources if source.name in _NAMES]
    return _MINUTE * max(1, math.ceil(_LEAST_READS * max(rhythms, default=0.0) / _MINUTE))


@dataclass
class _Minutes:
    """What one figure was: sum and number of its reads by minute, and since which minute it has been the same."""

    sums: dict[int, tuple[float, int]] = field(default_factory=dict)
    newest: float | None = None
    same_since: int = 0
    last: int = 0

    def add(self, minute: int, watts: float) -> bool:
        """Take one read; tell whether the figure is another than before."""
        if minute - self.last > 1:  # a hole in which anything may have happened
            self.sums, self.same_since = {}, minute + 1
        changed = watts != self.newest
        if changed:
            self.newest, self.same_since = watts, minute + 1  # the whole minutes begin with the next
        total, count = self.sums.get(minute, (0.0, 0))
        self.sums = {then: kept for then, kept in self.sums.items() if then >= minute - _KEPT}
        self.sums[minute] = (total + watts, count + 1)
        self.last = minute
        return changed

    def means(self, first: int, end: int) -> list[float] | None:
        """Return the mean of each minute from ``first`` to before ``end``, None unless each was read often enough."""
        found = [self.sums.get(minute, (0.0, 0)) for minute in range(first, end)]
        return [total / count for total, count in found] if all(count >= _LEAST_READS for _, count in found) else None


@dataclass
class _Finding:
    holds: bool = False
    onsets: int = 0
    judged: int | None = None
    """The minute in which it could be judged last."""

    def at(self, minute: int, *, lasts: bool) -> bool | None:
        """Tell whether it holds in this minute; what ``lasts`` does until it is seen to end, judged or not."""
        fresh = self.judged is not None and minute - self.judged <= 1
        return self.holds if fresh or (lasts and self.holds) else None


class CrossCheck:
    """Compares the figures for the node. Not thread-safe; fed once for each finished read, all times handed in.

    ``span`` is the length in seconds of what is called a minute here.
    """

    def __init__(self, span: float = _MINUTE) -> None:
        self._span = span
        self._minutes: dict[str, _Minutes] = {}
        self._findings: dict[tuple[str, Kind], _Finding] = {}
        self._judged = -1

    def observe(self, source: str, snapshot: Snapshot, now: float) -> list[str]:
        """Take the figures of a read of ``source`` that has just finished; return what to tell of new disagreements."""
        minute = int(now // self._span)
        news: list[str] = []
        if minute != self._judged:  # the minutes before are complete, whichever source is read first in this one
            self._judged = minute
            news = self._judge(minute)
        for name in _NAMES.get(source, ()) if snapshot.is_up(source) else ():
            watts = figure(snapshot, name)
            if watts is not None and self._minutes.setdefault(name, _Minutes()).add(minute, watts):
                frozen = self._findings.get((name, Kind.FROZEN))
                if frozen and frozen.holds:
                    frozen.holds, frozen.judged = False, minute
        return news

    def state(self, now: float) -> tuple[Disagreement, ...]:
        """Return every disagreement that could ever be judged, as it stands."""
        minute = int(now // self._span)
        return tuple(
            Disagreement(source, kind, finding.at(minute, lasts=kind is Kind.FROZEN), finding.onsets)
            for (source, kind), finding in self._findings.items()
            if finding.judged is not None
        )

    def _judge(self, minute: int) -> list[str]:
        news = []
        for name in _WHOLE:
            told = self._above(name, minute)
            news += [told] if told else []
        for name in _EXTENT:
            told = self._frozen(name, minute)
            news += [told] if told else []
        return news

    def _above(self, meter: str, minute: int) -> str | None:
        first = minute - _ABOVE_MINUTES
        whole, parts = self._means(meter, first, minute), self._means(_PARTS, first, minute)
        if whole is None or parts is None:
            return None
        above = [part > machine * 1.05 + 1.0 for part, machine in zip(parts, whole, strict=True)]
        finding = self._findings.setdefault((meter, Kind.ABOVE_METER), _Finding())
        finding.judged = minute
        # In between, it stays what it was: a machine at the edge must not count as many disagreements.
        began = all(above) and not finding.holds
        finding.holds = all(above) or (finding.holds and any(above))
        if not began:
            return None
        finding.onsets += 1
        return (
            f"source {meter}: {Kind.ABOVE_METER}: packages and memory draw {parts[-1]:.1f} W by {_PARTS}, more than "
            f"the {whole[-1]:.1f} W that {meter} says of the whole machine: one of them is wrong"
        )

    def _frozen(self, name: str, minute: int) -> str | None:
        own = self._minutes.get(name)
        first = minute - _KEPT
        if own is None or own.newest is None:
            return None
        finding = self._findings.setdefault((name, Kind.FROZEN), _Finding())
        if finding.holds:  # until the figure changes: the power may well rest by now
            return None
        if own.same_since > first:
            if own.means(minute - 1, minute):  # it moves, so it lives
                finding.judged = minute
            return None
        if self._means(name, first, minute) is None:
            return None
        least = max(10.0, 0.1 * own.newest)
        said = f"it has said {own.newest:.1f} W for {_KEPT * self._span / _MINUTE:g} minutes"
        for other in (other for other, extent in _EXTENT.items() if other != name and extent <= _EXTENT[name]):
            means = self._means(other, first, minute - _LAG_MINUTES)
            if means is None:
                continue
            finding.judged = minute
            if max(means) - min(means) > least:
                finding.holds = True
                finding.onsets += 1
                return (
                    f"source {name}: {Kind.FROZEN}: {said}, while {other} "
                    f"moved between {min(means):.1f} W and {max(means):.1f} W: its figure is not used until it changes"
                )
        return None

    def _means(self, name: str, first: int, end: int) -> list[float] | None:
        minutes = self._minutes.get(name)
        return minutes.means(first, end) if minutes else None
