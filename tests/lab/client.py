"""A bare HTTP client for the lab's API: what is on the wire, with nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from deploy.lab.plan import TokenPlan
    from deploy.lab.world import Lab


def call(
    lab: Lab,
    node: str,
    method: str,
    path: str,
    parameters: dict[str, Any] | None = None,
    *,
    token: TokenPlan | None = None,
) -> requests.Response:
    """Send one request to a node's API on a connection of its own."""
    in_query = method in ("GET", "DELETE")
    return requests.request(
        method,
        f"{lab.url(node)}/api2/json{path}",
        params=parameters if in_query else None,
        data=None if in_query else parameters,
        headers={"Authorization": (token or lab.token).header},
        verify=str(lab.ca_path),
        timeout=30,
    )


def data(lab: Lab, node: str, path: str, parameters: dict[str, Any] | None = None) -> Any:
    """GET a path that must succeed, and return what it tells."""
    answer = call(lab, node, "GET", path, parameters)
    assert answer.status_code == 200, answer.reason
    return answer.json()["data"]


def migrate(lab: Lab, source: str, target: str, vmid: int = 100, **more: Any) -> str:
    """Ask for a live migration that must be accepted, and return its UPID."""
    path = f"/nodes/{source}/qemu/{vmid}/migrate"
    answer = call(lab, source, "POST", path, {"target": target, "online": 1, **more})
    assert answer.status_code == 200, answer.reason
    return str(answer.json()["data"])
