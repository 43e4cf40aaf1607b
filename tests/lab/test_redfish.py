"""The lab's Redfish service answers as the standard has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from deploy.lab.clock import ManualClock
from deploy.lab.cluster import Stage
from deploy.lab.plans import two_nodes
from deploy.lab.redfish import RESET, SYSTEM
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment, its time standing still."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock()) as lab:
        yield lab


def call(lab: Lab, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
    """One request to the BMC of ``pve``."""
    known: dict[str, Any] = {"auth": (lab.plan.bmc_user, lab.plan.bmc_password), "verify": str(lab.ca_path)}
    url = f"https://{lab.address('pve')}:{lab.ports.redfish}{path}"
    return requests.request(method, url, json=body, timeout=30, **{**known, **options})


def test_power_is_read_and_switched(lab: Lab) -> None:
    """By the system's own action, which the node follows; the IPMI side sees the same machine."""
    seen = [call(lab, "GET", SYSTEM).json()["PowerState"]]
    for kind in ("On", "ForceOff", "ForceRestart", "GracefulShutdown"):
        assert call(lab, "POST", RESET, {"ResetType": kind}).status_code == 204
        seen.append(call(lab, "GET", SYSTEM).json()["PowerState"])

    assert seen == ["Off", "On", "Off", "On", "Off"]
    assert lab.node("pve").boots == 2


def test_the_systems_are_listed(lab: Lab) -> None:
    """One of them, whose action names its target."""
    listed = call(lab, "GET", "/redfish/v1/Systems").json()

    assert [member["@odata.id"] for member in listed["Members"]] == [SYSTEM]
    assert call(lab, "GET", SYSTEM).json()["Actions"]["#ComputerSystem.Reset"]["target"] == RESET


@pytest.mark.parametrize(
    ("method", "path", "body", "options", "status"),
    [
        ("GET", SYSTEM, None, {"auth": ("wattshift", "wrong")}, 401),
        ("GET", SYSTEM, None, {"auth": None}, 401),
        ("GET", SYSTEM, None, {"auth": None, "headers": {"Authorization": "Basic ?"}}, 401),
        ("POST", RESET, {"ResetType": "Perhaps"}, {}, 400),
        ("POST", RESET, [1], {}, 400),
        ("GET", "/redfish/v1/Chassis", None, {}, 404),
    ],
)
def test_what_is_wrong_is_refused(  # noqa: PLR0917 - pytest's arguments
    lab: Lab, method: str, path: str, body: object, options: dict[str, Any], status: int
) -> None:
    """With the standard's error object, and nothing is switched."""
    answer = call(lab, method, path, body, **options)

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}
    assert lab.node("pve").stage is Stage.OFF
