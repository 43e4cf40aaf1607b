"""Watts, and the counters they flow into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.power import Watts, draw
from deploy.lab.powercap import PACKAGE_RANGE_UJ, Powercap, Zone
from deploy.lab.world import Lab
from tests.lab.test_migration import both_on

if TYPE_CHECKING:
    from pathlib import Path

ZONES = "sys/class/powercap"


def energy(root: Path, zone: str = "intel-rapl:0") -> int:
    """Return a counter as a reader finds it."""
    return int((root / ZONES / zone / "energy_uj").read_text())


def names(root: Path) -> dict[str, str]:
    """Return zone -> name of a tree."""
    return {path.parent.name: path.read_text().strip() for path in (root / ZONES).glob("*/name")}


def test_an_idle_node_stays_under_the_original_threshold() -> None:
    """At rest the node draws less than 6 W at the wall; a guest with two busy processors takes it far over."""
    assert draw(0.05, on=True).wall < 5.5
    assert 12.0 < draw(2.05, on=True).wall < 20.0


def test_a_node_that_is_off_draws_its_standby_power_alone() -> None:
    """Nothing flows into the processor; the supply itself takes a little."""
    assert draw(0.0, on=False) == Watts(package=0.0, cores=0.0, dram=0.0, wall=0.8)


@given(busy=st.floats(0, 64), more=st.floats(0, 64))
def test_the_parts_fit_into_the_whole(busy: float, more: float) -> None:
    """Cores are within the package, package and memory within the wall, and more load never means fewer watts."""
    watts = draw(busy, on=True)

    assert 0 <= watts.cores <= watts.package
    assert watts.package + watts.dram < watts.wall
    assert draw(busy + more, on=True).wall >= watts.wall


@given(steps=st.lists(st.floats(0, 500), max_size=50), start=st.integers(0, 10_000_000))
def test_a_counter_loses_no_energy_and_stays_in_its_range(steps: list[float], start: int) -> None:
    """However the joules arrive, the counter is their sum modulo its range."""
    zone = Zone("z", "package-0", 10_000_000, start)
    for joules in steps:
        zone.add(joules)

    wanted = start + round(sum(steps) * 1_000_000)
    assert 0 <= zone.energy_uj <= zone.range_uj
    assert min((wanted - zone.energy_uj) % 10_000_001, (zone.energy_uj - wanted) % 10_000_001) <= 1


def test_the_files_wrap_where_the_range_says(tmp_path: Path) -> None:
    """A counter just below its range begins again near 0."""
    tree = Powercap(tmp_path, start_uj=PACKAGE_RANGE_UJ - 1_000_000)
    tree.advance(Watts(package=4.0, cores=0.0, dram=0.0, wall=0.0), 1.0)
    limit = int((tmp_path / ZONES / "intel-rapl:0" / "max_energy_range_uj").read_text())

    assert limit == PACKAGE_RANGE_UJ
    assert energy(tmp_path) == 2_999_999


def test_zones_are_those_of_one_socket(tmp_path: Path) -> None:
    """Package, cores and memory; the package again through MMIO and the platform only when wanted."""
    Powercap(tmp_path / "plain")
    Powercap(tmp_path / "full", mmio=True, psys=True)
    plain = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram"}

    assert names(tmp_path / "plain") == plain
    assert names(tmp_path / "full") == plain | {"intel-rapl-mmio:0": "package-0", "intel-rapl:1": "psys"}


def test_a_nodes_counters_follow_its_load(tmp_path: Path) -> None:
    """Joules in the counter are watts times seconds, before and after the load changes."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock()) as lab:
        root = lab.node_directory("pve2")
        rest = lab.watts("pve2").package
        lab.advance(10)
        first = energy(root)
        lab.set_load(100, 1.0)
        load = lab.watts("pve2").package
        lab.advance(10)
        second = energy(root)

    assert first == pytest.approx(rest * 10e6, abs=2)
    assert second - first == pytest.approx(load * 10e6, abs=2)


def test_power_moves_with_the_guest(tmp_path: Path) -> None:
    """After the migration the source draws little and the target what the source drew."""
    with Lab(both_on(two_nodes(load=1.0)), tmp_path, clock=ManualClock()) as lab:
        before = (lab.watts("pve"), lab.watts("pve2"))
        lab.place(100, "pve")
        after = (lab.watts("pve"), lab.watts("pve2"))

    assert after == before[::-1]


def test_counters_stand_still_while_off_and_begin_again_at_boot(tmp_path: Path) -> None:
    """A node without power counts nothing; its counters start at 0 when it comes back."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock()) as lab:
        root = lab.node_directory("pve2")
        lab.advance(10)
        lab.power_off("pve2")
        off = energy(root)
        lab.advance(100)
        still = energy(root)
        lab.power_on("pve2")
        again = energy(root)

    assert off == still > 0
    assert again == 0


def test_counters_run_by_themselves_in_real_time(tmp_path: Path) -> None:
    """With a running clock a reader sees the counter grow, whatever the speed of the simulation."""
    with Lab(two_nodes(), tmp_path) as lab:
        root = lab.node_directory("pve2")
        first = energy(root)
        lab.wait_until(lambda: energy(root) > first)
        second = energy(root)
        lab.wait_until(lambda: energy(root) > second)
