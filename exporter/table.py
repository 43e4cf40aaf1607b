"""The present readings as a table for a person: ``wattshift-exporter read``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.cells import width
from exporter.guest_power import guest_power
from exporter.node_power import node_power
from exporter.readings import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.readings import Snapshot, SourceState

HEAD = ("SOURCE", "WHAT", "WATTS", "STATE")
_GUEST_HEAD = ("GUEST", "NAME", "WATTS")
_NONE = "-"

Row = tuple[str, ...]


def is_settled(snapshot: Snapshot) -> bool:
    """Tell whether every source has failed or given two samples, which is what a power from energy takes."""
    return all(state.up is False or state.reads > 1 for state in snapshot.states)


def measuring(snapshot: Snapshot) -> list[str]:
    """Return the names of the sources that measure power; a core's counter that rests at 0 W is none."""
    return [state.source for state in snapshot.states if any(watts > 0 for _, watts in _watts(state))]


def has_power(snapshot: Snapshot, order: Sequence[str]) -> bool:
    """Tell whether any source measures power."""
    return node_power(snapshot, order) is not None or bool(measuring(snapshot))


def render(snapshot: Snapshot, order: Sequence[str]) -> str:
    """Return the table: each figure in watts, each reason why there is none, and the node's own figure.

    Below it, what of the node's power is each guest's, where that can be told.
    """
    rows = [HEAD, *(row for state in snapshot.states for row in source_rows(state))]
    power = node_power(snapshot, order)
    if power:
        rows.append(("node", f"by {power.source}", f"{power.watts:.2f}", "up"))
    else:
        rows.append(("node", _NONE, _NONE, "no source gives a figure for the whole node"))
    guests = guest_rows(snapshot, order)
    return "\n".join([*align(rows), *(["", *align(guests)] if guests else [])])


def source_rows(state: SourceState) -> list[Row]:
    """Return a row for each figure in watts that a source gives, and for each reason why there is none.

    A source that has given energy alone so far, of which power takes two readings, has a row that says so.
    """
    rows: list[Row] = [
        (state.source, what, f"{watts:.2f}", "up" if state.up else "not renewed") for what, watts in _watts(state)
    ]
    for failure in state.failures:
        what = " ".join(filter(None, failure.labels)) or _NONE
        rows.append((state.source, what, _NONE, f"{failure.reason}: {printable(failure.detail)}"))
    if not rows and state.up and any(reading.family.endswith("_joules_total") for reading in state.readings):
        rows.append((state.source, _NONE, _NONE, "up, its first window is not over"))
    return rows


def guest_rows(snapshot: Snapshot, order: Sequence[str]) -> list[Row]:
    """Return a head and what each guest, the host and idle time have of the node's power, most first; else nothing."""
    shares = guest_power(snapshot, node_power(snapshot, order))
    by_watts = sorted(shares.items(), key=lambda item: -item[1])
    rows: list[Row] = [(guest, printable(name) or _NONE, f"{watts:.2f}") for (guest, name), watts in by_watts]
    return [_GUEST_HEAD, *rows] if rows else []


def align(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines, cells below each other; figures, and what heads them, stand to the right."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    right = [head in {"WATTS", "AGE"} for head in rows[0]]
    return [
        "  ".join(
            _pad(cell, wide, to_right=to_right) for cell, wide, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _pad(cell: str, wide: int, *, to_right: bool) -> str:
    blanks = " " * (wide - width(cell))
    return blanks + cell if to_right else cell + blanks


def _watts(state: SourceState) -> list[tuple[str, float]]:
    """Return what the source says in watts: the figure's labels, and which of a source's figures it is."""
    found = []
    for reading in state.readings:
        if reading.family.endswith("_watts"):
            kind = reading.family.removeprefix(f"wattshift_{state.source}").removeprefix("_").removesuffix("watts")
            found.append((" ".join(filter(None, (*reading.labels, kind.rstrip("_")))), reading.value))
    return found
