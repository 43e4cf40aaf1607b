"""What is known of the nodes, and what may be asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actuator.errors import ProxmoxUnreachable
from actuator.policy.power import Power
from tests.actuator.adapters.stores import quarantine
from tests.actuator.api.world import RECORDED_AT
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from tests.actuator.api.world import World


WAKE = {
    "configured": True,
    "tested_at": "2026-11-22T16:20:27Z",
    "tested_seconds": 94.0,
    "last_at": "2026-11-22T16:21:27Z",
    "last_succeeded": False,
    "last_method": "magic_packet",
    "last_message": "It did not join.",
}


@dataclass
class Wake:
    """How a node's wakes went."""

    wake_at: float | None = RECORDED_AT + 60
    wake_succeeded: bool | None = False
    wake_method: str | None = "magic_packet"
    wake_message: str | None = "It did not join."
    woke_at: float | None = RECORDED_AT
    woke_seconds: float | None = 94.0


def test_each_node_is_shown_with_its_guests_and_watts(world: World) -> None:
    """Nodes of the cluster and of the configuration, by name; what is not known is null, never 0."""
    world.cluster = samples.cluster()
    world.power = Power({"pve2": 84.5}, {"pve2": 90.0}, {100: 31.0})
    quarantine(world.store, "pve", "It did not join.", world.now)
    world.wakes = {"pve": Wake()}
    answer = world.client.get("/api/v1/nodes").json()
    nodes = {node.pop("name"): node for node in answer["nodes"]}

    assert (answer["quorate"], answer["error"]) == (False, None)
    assert list(nodes) == ["pve", "pve2", "pve3", "pve4"]
    assert nodes["pve2"] == {
        "online": True,
        "ha_state": None,
        "watts": 84.5,
        "threshold_watts": 90.0,
        "quarantined": None,
        "wake": None,
        "guests": [{"id": "qemu/100", "vmid": 100, "name": "web", "status": "running", "watts": 31.0}],
    }
    assert (nodes["pve"]["online"], nodes["pve"]["watts"]) == (False, None)
    assert (nodes["pve"]["quarantined"], nodes["pve"]["wake"]) == ("It did not join.", WAKE)
    assert nodes["pve3"]["online"] is None  # Proxmox does not know it


def test_without_proxmox_the_error_is_shown_and_the_rest(world: World) -> None:
    """The page that shows the nodes works while Proxmox is away: what Prometheus and the database know is there."""
    world.cluster = ProxmoxUnreachable("no connection to Proxmox")
    world.power = Power({"pve2": 84.5})
    answer = world.client.get("/api/v1/nodes")
    body = answer.json()

    assert answer.status_code == 200
    assert (body["quorate"], body["error"]) == (None, "Proxmox cannot be asked: no connection to Proxmox.")
    assert [node["online"] for node in body["nodes"]] == [None] * 4
    assert body["nodes"][1]["watts"] == 84.5


def test_a_node_is_woken_by_a_job(world: World) -> None:
    """202 with the job, which is there; a second one while it lives is decided against with its reason."""
    first = world.client.post("/api/v1/nodes/pve/wake")
    second = world.client.post("/api/v1/nodes/pve/wake")

    assert first.status_code == 202
    assert first.json()["job"]["order"] | {"requested_by": ""} == {
        "action": "wake",
        "node": "pve",
        "vmid": None,
        "target_node": None,
        "dry_run": False,
        "requested_by": "",
    }
    assert (second.status_code, second.json()["reason"]) == (409, "in_flight")


def test_a_node_that_is_not_configured_is_not_woken(world: World) -> None:
    """409 with the reason for one that nobody configured; 422 for what is no node's name."""
    unknown = world.client.post("/api/v1/nodes/pve9/wake")

    assert (unknown.status_code, unknown.json()["reason"]) == (409, "unknown_node")
    assert world.client.post("/api/v1/nodes/-/wake").status_code == 422


def test_a_quarantine_is_cleared_by_a_person(world: World) -> None:
    """The node may be woken again, and the answer says whether there was anything to clear."""
    quarantine(world.store, "pve", "It did not join.", world.now)

    assert world.client.post("/api/v1/nodes/pve/clear-quarantine").json() == {"node": "pve", "cleared": True}
    assert world.client.post("/api/v1/nodes/pve/clear-quarantine").json() == {"node": "pve", "cleared": False}
    assert world.store.history(world.now).quarantined == {}
    assert world.client.post("/api/v1/nodes/pve9/clear-quarantine").status_code == 404
