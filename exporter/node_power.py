"""The one figure for the node, chosen from what the sources say. Pure.

The candidates measure different things, so they are never summed or averaged: a BMC sees the whole machine at its
power supplies, psys the platform behind the voltage regulators, package and dram zones the processors and their
memory, powerstat the packages alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.readings import Family
from exporter.sources import dcmi, powerstat, rapl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.readings import Snapshot

FAMILY = Family(
    "wattshift_node_watts", "gauge", "Power of the node by the best source that measures it now.", ("source",)
)


@dataclass(frozen=True, slots=True)
class NodePower:
    """The node's power in watts, and which figure it is."""

    source: str
    watts: float


def node_power(snapshot: Snapshot, order: Sequence[str]) -> NodePower | None:
    """Return the first figure in ``order`` that can be had, or None: an absent figure is absent, never 0."""
    for source in order:
        watts = _CANDIDATES[source](snapshot)
        if watts is not None:
            return NodePower(source, watts)
    return None


def _dcmi(snapshot: Snapshot) -> float | None:
    return _sum(snapshot.figures(dcmi.WATTS))


def _psys(snapshot: Snapshot) -> float | None:
    # Machines with several sockets may have several psys zones, and nothing tells whether they overlap.
    zones = {labels for labels in snapshot.figures(rapl.JOULES) if labels[2] == "psys"}
    watts = {labels: value for labels, value in snapshot.figures(rapl.WATTS).items() if labels[2] == "psys"}
    return _sum(watts) if len(zones) == 1 else None


def _rapl(snapshot: Snapshot) -> float | None:
    # The kernel lists dram inside a package, but its energy is not in the package's; core and uncore are, and AMD's
    # core is one core alone. A sum that lacks a zone would be a wrong figure, so it is none.
    wanted = {"package", "dram"}
    beside = {"core", "uncore", "psys"}
    if any(failure.labels[2:] not in {(name,) for name in beside} for failure in snapshot.failures("rapl")):
        return None
    zones = {labels for labels in snapshot.figures(rapl.JOULES) if labels[2] in wanted}
    watts = {labels: value for labels, value in snapshot.figures(rapl.WATTS).items() if labels in zones}
    has_package = any(labels[2] == "package" for labels in zones)
    return _sum(watts) if has_package and watts.keys() == zones else None


def _powerstat(snapshot: Snapshot) -> float | None:
    return _sum(snapshot.figures(powerstat.WATTS))


def _sum(figures: dict[tuple[str, ...], float]) -> float | None:
    return sum(figures.values()) if figures else None


_CANDIDATES: dict[str, Callable[[Snapshot], float | None]] = {
    "dcmi": _dcmi,
    "psys": _psys,
    "rapl": _rapl,
    "powerstat": _powerstat,
}
