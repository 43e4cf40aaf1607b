"""Asking what would happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.errors import ProxmoxUnreachable
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from tests.actuator.api.world import World


def test_a_plan_says_what_would_be_done_and_does_nothing(world: World) -> None:
    """The answer has the guest, both nodes and a sentence; no job begins and nobody is told of work."""
    world.cluster = samples.cluster()
    answer = world.client.post("/api/v1/plan", json={"node": "pve2", "vmid": 100, "target_node": "pve"})

    assert answer.status_code == 200
    assert answer.json() == {
        "act": True,
        "reason": "accepted",
        "message": "Guest 100 (web) moves from pve2 to pve, which is off and is woken first.",
        "vmid": 100,
        "source": "pve2",
        "target": "pve",
        "wakes": False,
        "power": None,
    }
    assert world.store.jobs() == []
    assert world.bell.rung == 0


def test_a_plan_says_why_not(world: World) -> None:
    """What would be decided against is no error of the request: 200, with the reason."""
    world.cluster = samples.cluster(guests=())
    answer = world.client.post("/api/v1/plan", json={"vmid": 100})

    assert (answer.status_code, answer.json()["act"], answer.json()["reason"]) == (200, False, "guest_not_found")


@pytest.mark.parametrize("path", ["/api/v1/plan", "/api/v1/nodes/pve/wake"])
def test_a_stranger_is_told_nothing(world: World, path: str) -> None:
    """Without a token neither a plan nor a wake."""
    assert world.client.post(path, json={"vmid": 100}, headers={"Authorization": ""}).status_code == 401


def test_what_is_no_order_has_no_plan(world: World) -> None:
    """The body is that of an order, and is checked as that."""
    answer = world.client.post("/api/v1/plan", json={"action": "dance"})

    assert answer.status_code == 422
    assert "action" in answer.json()["message"]


def test_a_proxmox_that_cannot_be_asked_is_said(world: World) -> None:
    """503 with a sentence that says what to look at."""
    world.cluster = ProxmoxUnreachable("no connection to Proxmox: check that the node is on")
    answer = world.client.post("/api/v1/plan", json={"vmid": 100})

    assert answer.status_code == 503
    assert answer.json()["message"] == ("Proxmox cannot be asked: no connection to Proxmox: check that the node is on.")


def test_a_proxmox_that_hangs_is_not_waited_for(world: World) -> None:
    """The answer has a deadline of its own, whatever Proxmox does."""
    world.app.state.services = world.hurried(0.01)
    answer = world.client.post("/api/v1/plan", json={"vmid": 100})

    assert answer.status_code == 503
    assert "did not answer within 0.01 s" in answer.json()["message"]
