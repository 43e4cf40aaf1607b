"""Proxmox's own magic packet, sent by a node that is awake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.proxmox import Proxmox, ProxmoxAccess
from actuator.adapters.waking import Asked, Cause, Name, NotAsked, PeerPacket
from deploy.lab.clock import ManualClock
from deploy.lab.cluster import Stage
from deploy.lab.faults import Answer, Fault, Hang
from deploy.lab.plan import NodePlan
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from pathlib import Path

CALL = "/nodes/pve/wakeonlan"


def peer(lab: Lab, *hosts: str, secret: str | None = None) -> PeerPacket:
    """The cluster by these endpoints."""
    access = ProxmoxAccess(
        tuple(f"{lab.address(name)}:{lab.ports.api}" for name in hosts or ("pve", "pve2")),
        lab.token.id,
        secret or lab.token.secret,
        verify=str(lab.ca_path),
        call_timeout=0.5,
    )
    return PeerPacket(Proxmox(access))


def test_an_awake_peer_sends_the_packet(lab: Lab) -> None:
    """The endpoint that is awake sends it, without any parameter; nobody is sure that it arrived."""
    asked = peer(lab).wake("pve")

    assert asked == Asked(Name.PROXMOX, certain=False, packets=1)
    lab.wait_until(lambda: lab.node("pve").stage is Stage.POWERED)
    [request] = lab.requests
    assert (request.node, request.method, request.path, request.parameters) == ("pve2", "POST", CALL, {})


def test_the_target_does_not_wake_itself(lab: Lab) -> None:
    """An endpoint that turns out to be the target, up but not joined, is passed over for the next one."""
    lab.power_on("pve")
    lab.advance(60)

    assert peer(lab).wake("pve").packets == 1
    assert [request.node for request in lab.requests if request.path == CALL] == ["pve", "pve2"]


def test_with_no_other_endpoint_it_cannot(lab: Lab) -> None:
    """When only the target answers, that is said in Proxmox's own words."""
    lab.power_on("pve")
    lab.advance(60)

    with pytest.raises(NotAsked, match="cannot wake my self") as failed:
        peer(lab, "pve").wake("pve")

    assert failed.value.cause is Cause.REFUSED


def test_a_node_without_an_address_in_proxmox(tmp_path: Path) -> None:
    """The command that sets it is in the message."""
    plan = two_nodes()
    plan = replace(plan, nodes=(replace(plan.nodes[0], wakeonlan=None), plan.nodes[1]))
    with (
        Lab(plan, tmp_path, clock=ManualClock()) as lab,
        pytest.raises(NotAsked, match="pvenode config set --wakeonlan MAC") as failed,
    ):
        peer(lab).wake("pve")

    assert failed.value.cause is Cause.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (
            Answer("POST", CALL, status=403, reason="Permission check failed (/nodes/pve, Sys.PowerMgmt)"),
            Cause.DENIED,
            "Sys.PowerMgmt on /nodes/pve",
        ),
        (Answer("POST", CALL, status=500, reason="no such cluster node 'pve'"), Cause.REFUSED, "no such cluster node"),
        (Answer("POST", CALL, status=596, reason="Connection timed out"), Cause.TIMEOUT, "no clear answer"),
        (Answer("POST", CALL, status=200, reason="OK", body='{"data":null}'), Cause.TIMEOUT, "no MAC address"),
        (Hang("POST", CALL), Cause.TIMEOUT, "did not answer in time"),
    ],
    ids=["denied", "refused", "596", "garbage", "hangs"],
)
def test_a_peer_that_does_not_do_it(lab: Lab, fault: Fault, cause: Cause, words: str) -> None:
    """Each refusal has its cause, and Proxmox's own words or what to check."""
    lab.faults.add(fault)

    with pytest.raises(NotAsked) as failed:
        peer(lab).wake("pve")

    assert failed.value.cause is cause
    assert words in str(failed.value)


@pytest.mark.parametrize(
    "fault",
    [
        Answer("POST", CALL, node="pve2", times=None, status=596, reason="Connection timed out"),
        Answer("POST", CALL, node="pve2", times=None, status=500, reason="ipcc_send_rec[1] failed: Connection refused"),
        Answer("POST", CALL, node="pve2", times=None, status=500, reason="format error"),
        Hang("POST", CALL, node="pve2", times=None),
    ],
    ids=["596", "not now", "its own address is wrong", "hangs"],
)
def test_another_peer_helps_when_one_does_not(tmp_path: Path, fault: Fault) -> None:
    """A packet too many does no harm, so whoever is awake is asked, also when it is open whether one was sent."""
    plan = two_nodes()
    third = NodePlan("pve3", 3, "02:00:00:00:00:03")
    with Lab(replace(plan, nodes=(*plan.nodes, third)), tmp_path, clock=ManualClock()) as lab:
        lab.faults.add(fault)

        assert peer(lab, "pve2", "pve3").wake("pve").packets == 1

        lab.wait_until(lambda: lab.node("pve").stage is Stage.POWERED)


def test_no_peer_is_awake(lab: Lab) -> None:
    """With every endpoint gone the network is at fault."""
    lab.power_off("pve2")

    with pytest.raises(NotAsked) as failed:
        peer(lab).wake("pve")

    assert failed.value.cause is Cause.UNREACHABLE
