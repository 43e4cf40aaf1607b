"""The one figure for the node, chosen from what the sources say. Pure.

The candidates measure different things, so they are never summed or averaged, and each has a name of its own: a BMC,
ACPI's meter or the power supplies see the whole machine, psys the platform behind the voltage regulators, package and
dram zones the processors and their memory, powerstat the packages alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.readings import Family
from exporter.sources import dcmi, hwmon, powerstat, rapl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.readings import Snapshot

FAMILY = Family(
    "wattshift_node_watts", "gauge", "Power of the node by the best source that measures it now.", ("source",)
)


@dataclass(frozen=True, slots=True)
class NodePower:
    """The node's power in watts, to the microwatt, and which figure it is."""

    source: str
    watts: float


def node_power(snapshot: Snapshot, order: Sequence[str]) -> NodePower | None:
    """Return the first figure in ``order`` that can be had, or None: an absent figure is absent, never 0.

    A figure that is frozen is passed over: it tells of an earlier moment. One that only contradicts another keeps its
    place, for nothing tells which of the two is wrong: a person has to look.
    """
    for source in order:
        watts = None if snapshot.is_frozen(source) else figure(snapshot, source)
        if watts is not None:
            return NodePower(source, watts)
    return None


def figure(snapshot: Snapshot, name: str) -> float | None:
    """Return the figure called ``name`` in watts, to the microwatt, whether it is to be believed or not."""
    watts = _CANDIDATES[name](snapshot)
    return None if watts is None else round(watts, 6)


def _dcmi(snapshot: Snapshot) -> float | None:
    return _sum(snapshot.figures(dcmi.WATTS))


def _acpi(snapshot: Snapshot) -> float | None:
    meters = _whole(snapshot, acpi=True)
    # Two of them may overlap, and nothing tells.
    return _sum(meters) or None if len(meters) == 1 else None


def _psu(snapshot: Snapshot) -> float | None:
    # A power supply may stand by at 0 W, but not all that the machine has.
    return _sum(_whole(snapshot, acpi=False)) or None


def _whole(snapshot: Snapshot, *, acpi: bool) -> dict[tuple[str, ...], float]:
    """Return what all of ACPI's meters, or of the power supplies, say; nothing while one of them may be missing."""

    def may_be_one(labels: tuple[str, ...]) -> bool:
        known = hwmon.sees_machine(*labels)
        return hwmon.is_acpi_meter(labels[0]) == acpi if known else hwmon.may_see_machine(*labels)

    if any(labels == () or may_be_one(labels) for labels in _failing(snapshot, hwmon.Hwmon.name)):
        return {}
    figures = snapshot.figures(hwmon.AVERAGE_WATTS) | snapshot.figures(hwmon.WATTS)
    return {
        labels: watts
        for labels, watts in figures.items()
        if hwmon.sees_machine(*labels) and hwmon.is_acpi_meter(labels[0]) == acpi
    }


def _psys(snapshot: Snapshot) -> float | None:
    # Machines with several sockets may have several psys zones, and nothing tells whether they overlap.
    zones = {labels for labels in snapshot.figures(rapl.JOULES) if labels[2] == "psys"}
    watts = {labels: value for labels, value in snapshot.figures(rapl.WATTS).items() if labels[2] == "psys"}
    return _sum(watts) if len(zones) == 1 else None


def _rapl(snapshot: Snapshot) -> float | None:
    # The kernel lists dram inside a package, but its energy is not in the package's; core and uncore are, and AMD's
    # core is one core alone. A sum that lacks a zone would be a wrong figure, so it is none.
    wanted = {"package", "dram"}
    beside = {"core", "uncore", "psys", rapl.UNNAMED_TWIN[2]}
    if any(labels[2:] not in {(name,) for name in beside} for labels in _failing(snapshot, rapl.Rapl.name)):
        return None
    zones = {labels for labels in snapshot.figures(rapl.JOULES) if labels[2] in wanted}
    watts = {labels: value for labels, value in snapshot.figures(rapl.WATTS).items() if labels in zones}
    has_package = any(labels[2] == "package" for labels in zones)
    return _sum(watts) if has_package and watts.keys() == zones else None


def _powerstat(snapshot: Snapshot) -> float | None:
    return _sum(snapshot.figures(powerstat.WATTS))


def _failing(snapshot: Snapshot, source: str) -> set[tuple[str, ...]]:
    """Return the parts that are missing from the source's figures.

    What is no part's failure is, while the source is up, that of a part without a name. While it is down it is that of
    the whole read, and the figures that still stand are whole: those of the read before.
    """
    is_up = snapshot.is_up(source)
    return {failure.labels for failure in snapshot.failures(source) if failure.labels or is_up}


def _sum(figures: Mapping[tuple[str, ...], float]) -> float | None:
    return sum(figures.values()) if figures else None


_CANDIDATES: dict[str, Callable[[Snapshot], float | None]] = {
    "dcmi": _dcmi,
    "acpi": _acpi,
    "psu": _psu,
    "psys": _psys,
    "rapl": _rapl,
    "powerstat": _powerstat,
}
