"""What the live table shows at one moment, cut to the terminal. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.cells import fit, width
from exporter.node_power import node_power
from exporter.table import HEAD, align, guest_rows, source_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.node_power import NodePower
    from exporter.readings import Snapshot
    from exporter.table import Row

_MORE = "..."


@dataclass(slots=True)
class Spread:
    """The node's power since it was first seen: lowest, highest and mean, begun anew when another source stands for it.

    The mean weighs each figure by how long it was the newest.
    """

    _source: str = ""
    _began: float = 0.0
    _at: float = 0.0
    _watts: float = 0.0
    _joules: float = 0.0
    _low: float = field(default=math.inf)
    _high: float = field(default=-math.inf)

    def take(self, power: NodePower | None, now: float) -> None:
        """Take the figure that is shown at ``now`` (monotonic seconds)."""
        if power is None or power.source != self._source:
            self._source, self._began, self._joules = (power.source if power else ""), now, 0.0
            self._low, self._high = math.inf, -math.inf
        else:
            self._joules += self._watts * (now - self._at)
        if power:
            self._at, self._watts = now, power.watts
            self._low, self._high = min(self._low, power.watts), max(self._high, power.watts)

    def __str__(self) -> str:
        seconds = self._at - self._began
        if not self._source or seconds <= 0:
            return ""
        mean = self._joules / seconds
        return f"lowest {self._low:.1f}  mean {mean:.1f}  highest {self._high:.1f}  in {_span(seconds)}"


def frame(snapshot: Snapshot, order: Sequence[str], spread: Spread, wall: float) -> list[str]:
    """Return the lines to show: the node's figure, the sources with the age of what they say, the guests.

    ``wall`` is the Unix time; ``order`` the figures that may stand for the node, best first.
    """
    power = node_power(snapshot, order)
    node = f"node  {power.watts:.2f} W by {power.source}" if power else "node  no source gives a figure for it"
    rows: list[Row] = [(*HEAD[:3], "AGE", *HEAD[3:])]
    for state in snapshot.states:
        age = _span(wall - state.last_success) if state.last_success is not None else "-"
        rows += [(*row[:3], age, *row[3:]) for row in source_rows(state)]
        if state.up is None:
            rows.append((state.source, "-", "-", "-", "not read yet"))
    guests = guest_rows(snapshot, order)
    return [f"{node}  {spread}".rstrip(), "", *align(rows), *(["", *align(guests)] if guests else [])]


def cut(lines: Sequence[str], columns: int, height: int) -> list[str]:
    """Return the lines that fit; where something is cut, dots say so."""
    kept = list(lines)
    if len(kept) > height:
        kept = [*kept[: max(0, height - 1)], f"{_MORE} {len(kept) - height + 1} more lines"][:height]
    return [
        line if width(line) <= columns else fit(line, max(0, columns - len(_MORE))) + _MORE[:columns] for line in kept
    ]


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004 - of an hour
