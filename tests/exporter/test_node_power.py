"""The arbitration: which figure stands for the node, and when none does."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.node_power import NodePower, node_power
from exporter.readings import Disagreement, Failure, Kind, Reason, Snapshot
from exporter.settings import NODE_SOURCES
from exporter.sources import dcmi, hwmon, powerstat, rapl
from tests.exporter.worlds import snapshot

Row = tuple[str, tuple[str, ...], float]


def zone(domain: str, watts: float | None, package: str = "0", die: str = "") -> list[Row]:
    """Return what one RAPL zone shows: joules always, watts from its second reading on."""
    labels = (package, die, domain)
    rows: list[Row] = [(rapl.JOULES, labels, 1.0)]
    return rows if watts is None else [*rows, (rapl.WATTS, labels, watts)]


BMC: list[Row] = [(dcmi.WATTS, ("local",), 212.0), (dcmi.ACTIVE, ("local",), 1.0)]
METER = ("power_meter/ACPI000D:00", "machine")
ACPI: list[Row] = [(hwmon.AVERAGE_WATTS, METER, 205.0)]
PSU_A, PSU_B = ("pfe1100/3-0058", "pin"), ("pfe1100/3-0059", "pin")
SUPPLIES: list[Row] = [(hwmon.WATTS, PSU_A, 110.0), (hwmon.WATTS, PSU_B, 90.0)]
PSYS = zone("psys", 150.0, package="")
PROCESSORS = [*zone("package", 40.0), *zone("dram", 6.0), *zone("core", 25.0), *zone("uncore", 1.0)]
POWERSTAT: list[Row] = [(powerstat.WATTS, ("0",), 41.0), (powerstat.AVERAGE_WATTS, ("0",), 39.0)]
FIGURES = {
    "dcmi": (BMC, 212.0),
    "acpi": (ACPI, 205.0),
    "psu": (SUPPLIES, 200.0),
    "psys": (PSYS, 150.0),
    "rapl": (PROCESSORS, 46.0),
    "powerstat": (POWERSTAT, 41.0),
}


@pytest.mark.parametrize("there", [names for count in range(7) for names in combinations(NODE_SOURCES, count)])
def test_the_first_in_order_that_is_there_is_the_figure(there: tuple[str, ...]) -> None:
    """Of the figures there are, the best one is the node's, whole and alone; of none, there is none."""
    power = node_power(snapshot(row for name in there for row in FIGURES[name][0]), NODE_SOURCES)
    best = next((name for name in NODE_SOURCES if name in there), None)

    assert power == (NodePower(best, FIGURES[best][1]) if best else None)


@given(order=st.permutations(NODE_SOURCES), count=st.integers(0, 6))
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


CORSAIR = ("corsairpsu/0003:1B1C:1C06.0001", "power total")


HWMON = ["acpi", "psu"]


@pytest.mark.parametrize(
    ("rows", "source", "watts"),
    [
        ([*SUPPLIES, (hwmon.WATTS, ("pfe1100/3-0058", "pout1"), 99.0)], "psu", 200.0),
        ([(hwmon.WATTS, PSU_A, 200.0), (hwmon.WATTS, PSU_B, 0.0)], "psu", 200.0),
        ([(hwmon.WATTS, CORSAIR, 88.0), (hwmon.WATTS, (CORSAIR[0], "power +12v"), 80.0)], "psu", 88.0),
        ([*ACPI, *SUPPLIES], "acpi", 205.0),
        ([*ACPI, (hwmon.WATTS, METER, 210.0)], "acpi", 210.0),
        ([(hwmon.AVERAGE_WATTS, METER, 0.0), *SUPPLIES], "psu", 200.0),
        ([*ACPI, (hwmon.AVERAGE_WATTS, ("power_meter/ACPI000D:01", "machine"), 205.0), *SUPPLIES], "psu", 200.0),
    ],
)
def test_the_meters_of_the_whole_machine_stand_for_the_node(rows: list[Row], source: str, watts: float) -> None:
    """ACPI's meter, or all power supplies together, one perhaps on stand-by: never one of the two under one name."""
    assert node_power(snapshot(rows), HWMON) == NodePower(source, watts)


@pytest.mark.parametrize(
    "rows",
    [
        [(hwmon.WATTS, ("amdgpu/0000:03:00.0", "PPT"), 300.0)],
        [(hwmon.AVERAGE_WATTS, ("amdgpu/0000:03:00.0", "power1"), 300.0)],
        [(hwmon.WATTS, ("fam15h_power/0000:00:18.4", "power1"), 65.0)],
        [(hwmon.WATTS, ("amd_energy/amd_energy.0", "Esocket0"), 120.0)],
        [(hwmon.WATTS, ("mlx5/0000:41:00.0", "power1"), 15.0)],
        [(hwmon.WATTS, ("pmbus/1-0040", "pin"), 60.0)],
        [(hwmon.WATTS, ("tps53679/1-0060", "pin"), 60.0)],
        [(hwmon.WATTS, ("BAT0/BAT0", "power1"), 20.0)],
        [(hwmon.WATTS, ("pfe1100/3-0058", "pout1"), 90.0)],
        [(hwmon.AVERAGE_WATTS, ("power_meter/ACPI000D:00", "battery"), 30.0)],
        [(hwmon.AVERAGE_WATTS, ("power_meter/ACPI000D:00", "device:2f"), 30.0)],
        [(hwmon.WATTS, ("/", "power1"), 30.0)],
        [(hwmon.AVERAGE_WATTS, METER, 205.0), (hwmon.AVERAGE_WATTS, ("power_meter/ACPI000D:01", "machine"), 205.0)],
        [(hwmon.WATTS, PSU_A, 0.0), (hwmon.WATTS, PSU_B, 0.0)],
    ],
)
def test_a_part_of_the_machine_never_stands_for_the_node(rows: list[Row]) -> None:
    """A card, a processor, a regulator, a battery, the way out of a supply, two meters that may overlap: no figure."""
    assert node_power(snapshot(rows), HWMON) is None


@pytest.mark.parametrize(
    ("labels", "watts"),
    [(PSU_B, None), (("/", "power1"), None), ((), None), (("amdgpu/0000:03:00.0", "PPT"), 110.0)],
)
def test_supplies_are_summed_only_while_all_of_them_answer(labels: tuple[str, ...], watts: float | None) -> None:
    """A supply that fails, or a chip that may be one, leaves a sum that lacks something; a failing card does not."""
    failing = [("hwmon", Failure(Reason.TIMEOUT, "no", labels))]
    shown = snapshot([(hwmon.WATTS, PSU_A, 110.0)], failing)

    assert node_power(shown, HWMON) == (NodePower("psu", watts) if watts else None)


@pytest.mark.parametrize(
    ("labels", "source"), [(METER, "psu"), (PSU_B, "acpi"), (("/", "power1"), None), (("amdgpu/0", "PPT"), "acpi")]
)
def test_a_meter_that_fails_takes_only_its_own_figure_away(labels: tuple[str, ...], source: str | None) -> None:
    """ACPI's meter needs no supply, and the supplies no meter; a chip without a name may be either."""
    shown = snapshot(ACPI + SUPPLIES, [("hwmon", Failure(Reason.TIMEOUT, "no", labels))])

    assert node_power(shown, HWMON) == (NodePower(source, FIGURES[source][1]) if source else None)


@pytest.mark.parametrize("name", ["rapl", "acpi", "psu"])
def test_one_lost_answer_leaves_the_figure_standing(name: str) -> None:
    """While a read fails as a whole, the figures of the last one are whole, until they are too old."""
    source = "rapl" if name == "rapl" else "hwmon"
    whole = snapshot(FIGURES[name][0], [(source, Failure(Reason.TIMEOUT, "no end"))])
    down = Snapshot(tuple(replace(state, up=False) for state in whole.states))

    assert node_power(down, NODE_SOURCES) == NodePower(name, FIGURES[name][1])


@pytest.mark.parametrize(
    ("kind", "holds", "source"),
    [
        (Kind.FROZEN, True, "rapl"),
        (Kind.FROZEN, False, "dcmi"),
        (Kind.FROZEN, None, "dcmi"),
        (Kind.ABOVE_METER, True, "dcmi"),
    ],
)
def test_a_frozen_figure_is_passed_over_and_a_contradicted_one_is_not(
    kind: Kind,
    holds: bool | None,  # noqa: FBT001 - a parameter of the test's, given by name
    source: str,
) -> None:
    """What stands still while the power moves is stale. Of two that contradict each other, a person has to judge."""
    shown = replace(snapshot([*BMC, *PROCESSORS]), disagreements=(Disagreement("dcmi", kind, holds, 1),))

    assert node_power(shown, NODE_SOURCES) == NodePower(source, FIGURES[source][1])
