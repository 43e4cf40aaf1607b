"""Booting, switching off, and who has quorum."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import requests

from deploy.lab.clock import ManualClock, RunningClock
from deploy.lab.cluster import Stage
from deploy.lab.plan import BootTimes
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from tests.lab.client import call, data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMES = BootTimes(answers=10, joins=5, quorate=2, api=4, storages=3)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment, its time standing still."""
    with Lab(two_nodes(boot=TIMES), tmp_path, clock=ManualClock()) as lab:
        yield lab


def online(lab: Lab) -> dict[str, int]:
    """Return node -> online, as the surviving node sees it."""
    return {e["name"]: e["online"] for e in data(lab, "pve2", "/cluster/status") if e["type"] == "node"}


def quorate(lab: Lab) -> int:
    """Return whether there is quorum, as the surviving node sees it."""
    return next(int(e["quorate"]) for e in data(lab, "pve2", "/cluster/status") if e["type"] == "cluster")


def test_one_of_two_nodes_has_no_quorum(lab: Lab) -> None:
    """With its only peer off, the survivor answers but refuses what needs quorum."""
    answer = call(lab, "pve2", "GET", "/nodes/pve2/qemu/100/migrate")

    assert quorate(lab) == 0
    assert (answer.status_code, answer.reason) == (500, "cluster not ready - no quorum?")


def test_a_node_boots_in_stages(lab: Lab) -> None:
    """Power, network, membership, quorum, API and storages come one after the other, each in its own time."""
    lab.power_on("pve")
    seen = [(lab.node("pve").stage, online(lab)["pve"], quorate(lab))]
    for seconds in (10, 5, 2, 4, 3):
        lab.advance(seconds)
        seen.append((lab.node("pve").stage, online(lab)["pve"], quorate(lab)))

    assert seen == [
        (Stage.POWERED, 0, 0),
        (Stage.ANSWERS, 0, 0),
        (Stage.MEMBER, 1, 0),
        (Stage.QUORATE, 1, 1),
        (Stage.API, 1, 1),
        (Stage.READY, 1, 1),
    ]


def test_a_stage_begins_no_sooner_than_its_time(lab: Lab) -> None:
    """A second before its time a node has not yet joined."""
    lab.power_on("pve")
    lab.advance(14)

    assert lab.node("pve").stage is Stage.ANSWERS


def test_a_booting_node_is_out_of_reach_until_its_api_listens(lab: Lab) -> None:
    """Its own address refuses connections, and its peer says 595, until the API stage."""
    lab.power_on("pve")
    lab.advance(17)

    assert call(lab, "pve2", "GET", "/nodes/pve/version").status_code == 595
    with pytest.raises(requests.ConnectionError, match="Connection refused"):
        call(lab, "pve", "GET", "/version")

    lab.advance(4)

    assert call(lab, "pve2", "GET", "/nodes/pve/version").status_code == 200
    assert call(lab, "pve", "GET", "/version").status_code == 200


def test_a_booting_node_answers_on_its_network_before_it_joins(lab: Lab) -> None:
    """Its sshd takes connections as soon as the network is up, and none when the node is off."""
    where = lab.address("pve"), lab.ports.ssh
    lab.power_on("pve")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=30)

    lab.advance(10)
    with socket.create_connection(where, timeout=30) as knock:
        assert knock.recv(8) == b"SSH-2.0-"

    lab.power_off("pve")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=30)


def test_storages_become_active_last(lab: Lab) -> None:
    """A node whose API just came up reports its storages as inactive, and a little later as active."""
    lab.power_on("pve")
    lab.advance(21)
    early = {entry["active"] for entry in data(lab, "pve2", "/nodes/pve/storage", {"enabled": 1})}
    lab.advance(3)
    late = {entry["active"] for entry in data(lab, "pve2", "/nodes/pve/storage", {"enabled": 1})}

    assert (early, late) == ({0}, {1})


def test_switching_a_node_off_takes_api_guests_and_quorum_away(lab: Lab) -> None:
    """After a loss of power nothing of the node answers any more."""
    lab.power_on("pve")
    lab.advance(24)
    lab.power_off("pve2")

    assert not lab.guest(100).running
    assert not lab.quorate
    with pytest.raises(requests.ConnectionError):
        call(lab, "pve2", "GET", "/version")


def test_losing_power_during_the_boot_ends_the_boot(lab: Lab) -> None:
    """A node switched off while it boots stays off."""
    lab.power_on("pve")
    lab.advance(12)
    lab.power_off("pve")
    lab.advance(60)

    assert lab.node("pve").stage is Stage.OFF


def test_pressing_the_button_twice_boots_once(lab: Lab) -> None:
    """A second press during the boot changes nothing."""
    lab.power_on("pve")
    lab.advance(8)
    lab.power_on("pve")
    lab.advance(16)

    assert lab.node("pve").stage is Stage.READY
    assert lab.node("pve").boots == 1


def test_shutdown_by_the_api_answers_first_and_goes_down_then(lab: Lab) -> None:
    """``POST /nodes/{node}/status`` has no task; the node is off a moment later."""
    answer = call(lab, "pve2", "POST", "/nodes/pve2/status", {"command": "shutdown"})

    assert (answer.status_code, answer.json()) == (200, {"data": None})
    assert lab.node("pve2").stage is Stage.READY
    lab.advance(3)
    assert lab.node("pve2").stage is Stage.OFF


def test_reboot_by_the_api_comes_up_again(lab: Lab) -> None:
    """After a reboot the node is back, and its guest, which nobody starts at boot, is not."""
    call(lab, "pve2", "POST", "/nodes/pve2/status", {"command": "reboot"})
    lab.advance(30)

    assert (lab.node("pve2").stage, lab.node("pve2").boots) == (Stage.READY, 1)
    assert not lab.guest(100).running


def test_a_node_boots_by_itself_when_time_runs(tmp_path: Path) -> None:
    """With a running clock the boot needs nobody's help, and every stage is told."""
    with Lab(two_nodes(), tmp_path, clock=RunningClock(speed=50)) as lab:
        events = lab.subscribe()
        lab.power_on("pve")
        lab.wait_until(lambda: lab.node("pve").stage is Stage.READY)
        told = []
        while not events.empty():
            told.append(events.get())

    stages = [event.detail for event in told if event.kind == "node" and event.subject == "pve"]
    assert stages == ["powered", "answers", "member", "quorate", "api", "ready"]
