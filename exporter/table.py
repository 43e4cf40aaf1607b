"""The present readings as a table for a person: ``wattshift-exporter read``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.node_power import node_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.readings import Snapshot, SourceState

_HEAD = ("SOURCE", "WHAT", "WATTS", "STATE")
_NONE = "-"


def is_settled(snapshot: Snapshot) -> bool:
    """Tell whether every source has failed or given two samples, which is what a power from energy takes."""
    return all(state.up is False or state.reads > 1 for state in snapshot.states)


def has_power(snapshot: Snapshot, order: Sequence[str]) -> bool:
    """Tell whether there is any figure in watts."""
    return node_power(snapshot, order) is not None or any(_watts(state) for state in snapshot.states)


def render(snapshot: Snapshot, order: Sequence[str]) -> str:
    """Return the table: each figure in watts, each reason why there is none, and the node's own figure last."""
    rows = [_HEAD]
    for state in snapshot.states:
        for what, watts in _watts(state):
            rows.append((state.source, what, f"{watts:.2f}", "up" if state.up else "not renewed"))
        for failure in state.failures:
            what = " ".join(filter(None, failure.labels)) or _NONE
            rows.append((state.source, what, _NONE, f"{failure.reason}: {failure.detail}"))
    power = node_power(snapshot, order)
    if power:
        rows.append(("node", f"by {power.source}", f"{power.watts:.2f}", "up"))
    else:
        rows.append(("node", _NONE, _NONE, "no source gives a figure for the whole node"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{source:<{widths[0]}}  {what:<{widths[1]}}  {watts:>{widths[2]}}  {why}".rstrip()
        for source, what, watts, why in rows
    )


def _watts(state: SourceState) -> list[tuple[str, float]]:
    """Return what the source says in watts: the figure's labels, and which of a source's figures it is."""
    found = []
    for reading in state.readings:
        if reading.family.endswith("_watts"):
            kind = reading.family.removeprefix(f"wattshift_{state.source}").removeprefix("_").removesuffix("watts")
            found.append((" ".join(filter(None, (*reading.labels, kind.rstrip("_")))), reading.value))
    return found
