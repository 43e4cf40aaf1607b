"""Every request that the actuator sends is one that each supported Proxmox VE version understands.

The published schemas say which calls exist, which parameters they take, and of which type.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from actuator.policy.jobs import JobState
from deploy.lab.faults import Drop
from deploy.lab.plan import PveVersion
from deploy.lab.plans import two_nodes
from deploy.lab.pve.schema import document
from deploy.lab.pve.server import Received
from tests.actuator.workflow.bench import WAKE, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

VERSIONS: tuple[PveVersion, ...] = get_args(PveVersion)
_ROOTS_ALONE = {"force", "migration_type", "migration_network", "skiplock"}
_NEVER = _ROOTS_ALONE | {"with-conntrack-state", "with-local-disks", "targetstorage", "bwlimit"}


def complaints(schema: dict[str, Any], request: Received) -> list[str]:
    """What a version's schema has against a request."""
    for key, call in schema.items():
        verb, _, template = key.partition(" ")
        found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)), request.path)
        if verb == request.method and found is not None:
            properties = call["parameters"].get("properties") or {}
            given = {**request.parameters, **found.groupdict()}
            unknown = [f"{name} is unknown" for name in given if name not in properties]
            missing = [
                f"{name} lacks" for name, rule in properties.items() if not rule.get("optional") and name not in given
            ]
            wrong = [
                f"{name} is {value!r}"
                for name, value in given.items()
                if not fits(properties.get(name, {}), str(value))
            ]
            return [*unknown, *missing, *wrong]
    return ["there is no such call"]


def fits(rule: dict[str, Any], value: str) -> bool:
    """Whether a value, as it stands in a form, is of its parameter's type."""
    if "enum" in rule and value not in rule["enum"]:
        return False
    match rule.get("type"):
        case "boolean":
            return value in {"0", "1"}  # PVE::JSONSchema accepts no other words over HTTP
        case "integer":
            low, high = int(rule.get("minimum", 0)), int(rule.get("maximum", 2**63))
            return value.isdigit() and low <= int(value) <= high
        case _:
            return value != ""


def schema_of(version: PveVersion) -> dict[str, Any]:
    """The published schema of a version."""
    return document(version)


def with_ha(plan: Plan) -> Plan:
    """The same with its guest under HA."""
    return replace(plan, guests=(replace(plan.guests[0], ha=True),))


def everything_sent(directory: Path, version: PveVersion) -> list[Received]:
    """The requests of whole jobs of every kind in a cluster of this version, a lost answer and failures included."""
    sent: list[Received] = []
    plan = replace(two_nodes(), version=version)
    for number, variant in enumerate((plan, with_ha(plan))):
        with Bench(directory / str(number), variant) as bench:
            bench.lab.spoil_next_migration("abort")
            bench.lab.faults.add(Drop("POST", "/nodes/*/migrate", executed=True))
            bench.run(bench.order(WAKE))
            bench.run(bench.order())
            sent += bench.lab.requests
    with Bench(directory / "plain", plan) as bench:
        assert bench.run(bench.order()).state is JobState.SUCCEEDED
        sent += bench.lab.requests
    return sent


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_understands_every_request(tmp_path: Path, version: PveVersion) -> None:
    """Whatever version the cluster has: what is sent to it is valid under the schema of each."""
    sent = everything_sent(tmp_path, version)
    found = {
        f"{schema}: {request.method} {request.path} {request.parameters}: {complaint}"
        for schema in VERSIONS
        for request in sent
        for complaint in complaints(schema_of(schema), request)
    }

    assert found == set()
    assert {request.method for request in sent} == {"GET", "POST"}
    assert len({(request.method, request.path.split("UPID")[0]) for request in sent}) >= 8


def test_nothing_is_ever_forced(tmp_path: Path) -> None:
    """No request carries what only root may, what breaks locks, copies disks, or is too new; nor a cookie."""
    sent = everything_sent(tmp_path, "9.1")

    assert [request for request in sent if _NEVER & set(request.parameters)] == []
    assert all("authorization" in request.headers for request in sent)
    assert not any({"cookie", "csrfpreventiontoken"} & request.headers for request in sent)
    changes = {request.path for request in sent if request.method != "GET"}
    assert changes == {"/nodes/pve2/qemu/100/migrate"}  # HA's own call would need more privileges


@pytest.mark.parametrize(
    ("method", "path", "parameters", "complaint"),
    [
        ("POST", "/nodes/a/qemu/100/migrate", {"target": "b", "online": "True"}, "online is 'True'"),
        (
            "POST",
            "/nodes/a/qemu/100/migrate",
            {"target": "b", "with-conntrack-state": "1"},
            "with-conntrack-state is unknown",
        ),
        ("POST", "/nodes/a/qemu/100/migrate", {"online": "1"}, "target lacks"),
        ("GET", "/nodes/a/tasks", {"limit": "many"}, "limit is 'many'"),
        ("GET", "/nodes/a/tasks", {"source": "both"}, "source is 'both'"),
        ("POST", "/nodes/wakeonlan", {}, "there is no such call"),
    ],
)
def test_the_check_itself_finds_faults(method: str, path: str, parameters: dict[str, str], complaint: str) -> None:
    """Mistakes that others have made are found under PVE 8.2."""
    request = Received("a", method, path, parameters, None, 0.0)

    assert complaint in complaints(schema_of("8.2.5"), request)
