"""The arbitration: which figure stands for the node, and when none does."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.node_power import NodePower, node_power
from exporter.readings import Failure, Reason, Snapshot
from exporter.settings import NODE_SOURCES
from exporter.sources import dcmi, powerstat, rapl
from tests.exporter.worlds import snapshot

Row = tuple[str, tuple[str, ...], float]


def zone(domain: str, watts: float | None, package: str = "0", die: str = "") -> list[Row]:
    """Return what one RAPL zone shows: joules always, watts from its second reading on."""
    labels = (package, die, domain)
    rows: list[Row] = [(rapl.JOULES, labels, 1.0)]
    return rows if watts is None else [*rows, (rapl.WATTS, labels, watts)]


BMC: list[Row] = [(dcmi.WATTS, ("local",), 212.0), (dcmi.ACTIVE, ("local",), 1.0)]
PSYS = zone("psys", 150.0, package="")
PROCESSORS = [*zone("package", 40.0), *zone("dram", 6.0), *zone("core", 25.0), *zone("uncore", 1.0)]
POWERSTAT: list[Row] = [(powerstat.WATTS, ("0",), 41.0), (powerstat.AVERAGE_WATTS, ("0",), 39.0)]
FIGURES = {"dcmi": (BMC, 212.0), "psys": (PSYS, 150.0), "rapl": (PROCESSORS, 46.0), "powerstat": (POWERSTAT, 41.0)}


@pytest.mark.parametrize("there", [names for count in range(5) for names in permutations(NODE_SOURCES, count)][:65])
def test_the_first_in_order_that_is_there_is_the_figure(there: tuple[str, ...]) -> None:
    """Of the figures there are, the best one is the node's, whole and alone; of none, there is none."""
    power = node_power(snapshot(row for name in there for row in FIGURES[name][0]), NODE_SOURCES)
    best = next((name for name in NODE_SOURCES if name in there), None)

    assert power == (NodePower(best, FIGURES[best][1]) if best else None)


@given(order=st.permutations(NODE_SOURCES), count=st.integers(0, 4))
def test_the_order_is_the_users(order: list[str], count: int) -> None:
    """Whatever the order, its first figure is taken; what it does not name is not."""
    everything = snapshot(row for rows, _ in FIGURES.values() for row in rows)
    power = node_power(everything, order[:count])

    assert power == (NodePower(order[0], FIGURES[order[0]][1]) if count else None)


def test_packages_dies_and_memory_are_summed_and_what_is_inside_them_is_not() -> None:
    """Core and uncore are part of the package, dram is not, psys covers all: no energy is counted twice."""
    rows = [
        *zone("package", 40.0, "0", "0"),
        *zone("package", 41.0, "0", "1"),
        *zone("package", 50.0, "1"),
        *zone("dram", 6.0, "1"),
        *zone("core", 30.0, "1"),
        *zone("uncore", 3.0, "1"),
        *zone("psys", 300.0, ""),
    ]

    assert node_power(snapshot(rows), ["rapl"]) == NodePower("rapl", 137.0)


@pytest.mark.parametrize(
    ("rows", "failures"),
    [
        ([*zone("package", 40.0), *zone("package", None, "1")], []),
        ([*zone("package", 40.0), *zone("dram", None)], []),
        (zone("package", 40.0), [("rapl", Failure(Reason.PERMISSION, "no", ("1", "", "package")))]),
        (zone("package", 40.0), [("rapl", Failure(Reason.PARSE, "no name"))]),
        (zone("dram", 6.0), []),
        (zone("core", 6.0), []),
    ],
)
def test_a_sum_that_lacks_a_zone_is_no_figure(rows: list[Row], failures: list[tuple[str, Failure]]) -> None:
    """Half a machine's power would look like low power: absent is right."""
    assert node_power(snapshot(rows, failures), ["rapl"]) is None


@pytest.mark.parametrize("domain", ["core", "uncore", "psys"])
def test_a_failing_zone_outside_the_sum_does_not_matter(domain: str) -> None:
    """What is not summed may fail."""
    failing = [("rapl", Failure(Reason.PARSE, "no", ("0", "", domain)))]

    assert node_power(snapshot(zone("package", 40.0), failing), ["rapl"]) == NodePower("rapl", 40.0)


def test_more_than_one_psys_zone_is_no_figure() -> None:
    """Nothing tells whether two platform zones overlap."""
    rows = [*zone("psys", 100.0, ""), *zone("psys", None, "1"), *zone("package", 40.0)]

    assert node_power(snapshot(rows), NODE_SOURCES) == NodePower("rapl", 40.0)


def test_no_source_no_figure() -> None:
    """Nothing is invented."""
    assert node_power(Snapshot(()), NODE_SOURCES) is None
