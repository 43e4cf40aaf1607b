"""What the lab's nodes show of their guests, as the exporter reads it."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from exporter.readings import Clock
from exporter.settings import Pace
from exporter.sources.guests import Guests, Places
from tests.exporter.proxmox import SECOND, seconds, window
from tests.lab.test_migration import both_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEB = ("qemu/100", "web")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Both nodes are on; guest 100 keeps half of its processors on pve2 busy."""
    with Lab(both_on(two_nodes(load=0.5)), tmp_path, clock=ManualClock()) as lab:
        yield lab


def exporter(lab: Lab, node: str) -> Guests:
    """Return the exporter's source on a node."""
    root = lab.node_directory(node)
    places = Places(root / "sys", root / "proc", root / "run", root / "etc" / "pve")
    return Guests(places, Pace(1.0, 1.0), os.sysconf("SC_CLK_TCK"), Clock(monotonic=lambda: 0.0))


def test_a_guests_cpu_time_follows_its_load(lab: Lab) -> None:
    """Before and after the load changes: one processor of four, then two; the host's own work is beside it."""
    guests = exporter(lab, "pve2")
    guests.read()
    lab.advance(10)
    half = window(guests.read())
    lab.set_load(100, 1.0)
    lab.advance(10)
    full = window(guests.read())

    assert half is not None
    assert full is not None
    assert (half.capacity, full.capacity) == (40 * SECOND, 40 * SECOND)
    assert half.guests[WEB] == pytest.approx(10 * SECOND, abs=2)
    assert full.guests[WEB] == pytest.approx(20 * SECOND, abs=2)
    assert half.busy - half.guests[WEB] == pytest.approx(0.5 * SECOND, abs=20_000)


def test_the_guests_time_moves_with_it(lab: Lab) -> None:
    """After the migration it runs on the target, counted from 0, and the source knows it no more."""
    source, target = exporter(lab, "pve2"), exporter(lab, "pve")
    lab.advance(10)
    assert set(seconds(source.read())) == {WEB}
    assert set(seconds(target.read())) == set()
    lab.advance(3)
    lab.place(100, "pve")
    lab.advance(5)

    assert seconds(source.read()) == {}
    assert seconds(target.read()) == {WEB: pytest.approx(5.0, abs=1e-5)}


def test_a_node_that_was_off_counts_from_its_boot(lab: Lab) -> None:
    """Its guests are gone at once, no time passes while it is off, and it starts anew."""
    lab.advance(10)
    lab.power_off("pve2")
    stat = lab.node_directory("pve2") / "proc" / "stat"
    off = stat.read_text()
    lab.advance(100)

    assert seconds(exporter(lab, "pve2").read()) == {}
    assert stat.read_text() == off

    lab.power_on("pve2")
    assert stat.read_text() == "cpu  0 0 0 0 0 0 0 0 0 0\n"

    lab.advance(1)
    assert stat.read_text() != off


def test_guests_get_no_more_than_the_node_has(tmp_path: Path) -> None:
    """Two busy processors of a guest on a node with one: both it and the host get less than they ask for."""
    plan = both_on(two_nodes(load=1.0))
    small = dataclasses.replace(plan, nodes=tuple(dataclasses.replace(node, cpus=1) for node in plan.nodes))
    with Lab(small, tmp_path, clock=ManualClock()) as lab:
        guests = exporter(lab, "pve2")
        guests.read()
        lab.advance(10)
        found = window(guests.read())

    assert found is not None
    assert found.busy == found.capacity == 10 * SECOND
    assert found.guests[WEB] == pytest.approx(10 * SECOND * 2 / 2.05, abs=2)
