"""The node's name, and its guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.doctor import guests, node
from exporter.doctor.finding import State
from exporter.readings import Failure, Reading, Reason
from exporter.sources.guests import CPU_SECONDS
from tests.exporter.doctor.world import World, state

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an empty machine."""
    return World(tmp_path / "machine")


def test_the_name_is_proxmox_s(world: World) -> None:
    """As the link to the node's own folder has it."""
    world.proxmox("pve2")

    assert [finding.state for finding in node.check(world.where())] == [State.OK]


def test_another_name_than_proxmox_s_is_mended_by_a_flag(world: World) -> None:
    """Alerts would name a node nobody knows."""
    world.proxmox("pve1")
    (finding,) = node.check(world.where())

    assert finding.state == State.PROBLEM
    assert "--node=pve1" in finding.commands[0]


@pytest.mark.parametrize(("name", "expected"), [("pve2", State.OK), ("pve9", State.WARNING)])
def test_without_the_link_the_list_of_nodes_must_do(world: World, name: str, expected: State) -> None:
    """The cluster file system shows the link to every user; a copy of it need not."""
    world.write(f"pve/nodes/{name}/lrm_status")

    assert [finding.state for finding in node.check(world.where())] == [expected]


def test_a_mirror_of_the_guests_names_hides_no_node(world: World) -> None:
    """The service may be shown no more than names; the node is in Proxmox's own folder."""
    world.write("pve/lxc/101.conf")
    world.write("etc/pve/nodes/pve2/lrm_status")
    (world.root / "etc/pve/local").symlink_to("nodes/pve2")

    assert node.check(world.where())[0].sentence == "called pve2, as in Proxmox"


def test_no_proxmox_is_no_fault(world: World) -> None:
    """The exporter runs anywhere."""
    assert [finding.state for finding in node.check(world.where())] == [State.ABSENT]


def test_guests_are_named(world: World) -> None:
    """Those whose configuration may be read; the others are counted."""
    world.proxmox("pve2")
    readings = [Reading(CPU_SECONDS, ("qemu/100", "web"), 1.0), Reading(CPU_SECONDS, ("lxc/101", ""), 1.0)]
    found = guests.check(world.where(state("guests", readings, [Failure(Reason.PARSE, "odd")])))

    assert [(finding.state, finding.sentence.split(":")[0]) for finding in found] == [
        (State.OK, "2 guests"),
        (State.PROBLEM, "odd"),
        (State.WARNING, "1 without a name"),
    ]
    assert found[0].sentence == "2 guests: qemu/100 web, lxc/101"


def test_a_node_without_guests_is_well(world: World) -> None:
    """Perhaps they have just been moved away."""
    world.proxmox("pve2")

    assert [finding.state for finding in guests.check(world.where(state("guests")))] == [State.OK]


def test_a_machine_that_is_no_node_has_no_guests(world: World) -> None:
    """Whatever its control groups are like."""
    (world.root / "pve").rmdir()
    down = state("guests", failures=[Failure(Reason.UNSUPPORTED, "no cgroup v2")], up=False)

    assert [finding.state for finding in guests.check(world.where(down))] == [State.ABSENT]


def test_a_read_that_never_ended_is_told(world: World) -> None:
    """A file of a guest's can hang."""
    world.proxmox("pve2")
    assert [finding.state for finding in guests.check(world.where(state("guests", up=None)))] == [State.PROBLEM]


def test_switched_off_they_are_not_judged(world: World) -> None:
    """Whatever there is."""
    assert [finding.state for finding in guests.check(world.where())] == [State.ABSENT]
