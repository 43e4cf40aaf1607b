"""Who may do what, and which parameters pass."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.clock import ManualClock
from deploy.lab.plans import BOT_TOKEN, recorded_cluster
from deploy.lab.pve import schema, validation
from deploy.lab.pve.access import Rights
from deploy.lab.pve.refusal import Refusal
from deploy.lab.world import Lab
from tests.lab.client import call, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.plan import PveVersion, TokenPlan

MIGRATE = ["nodes", "pve1", "qemu", "100", "migrate"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The recorded cluster, its time standing still."""
    with Lab(recorded_cluster(), tmp_path, clock=ManualClock()) as lab:
        yield lab


def token(acl: dict[str, frozenset[str]]) -> TokenPlan:
    """Return a token with these rights."""
    return dataclasses.replace(BOT_TOKEN, acl=acl)


def complaint(name: str, value: object, version: PveVersion = "9.1") -> str | None:
    """Return what is said of one parameter of a migration order; None when it passes."""
    method, captured = schema.load(version).find("POST", MIGRATE)
    given: dict[str, object] = {"target": "pve3", **captured, name: value}
    try:
        validation.check(method.properties, given)
    except Refusal as refusal:
        return (refusal.errors or {})[name]
    return None


def test_rights_are_inherited_downwards() -> None:
    """What a token may at a path it may below, and not beside or above."""
    rights = Rights(token({"/vms": frozenset({"VM.Audit"})}))

    assert rights.may("/vms/100", "VM.Audit")
    assert not rights.may("/", "VM.Audit")
    assert not rights.may("/nodes/pve1", "VM.Audit")


def test_a_deeper_entry_replaces_what_it_inherits() -> None:
    """The role nearest to the object counts alone (pveum: permissions of deeper paths override)."""
    acl = {"/": frozenset({"VM.Audit", "VM.Migrate"}), "/vms/100": frozenset({"VM.Audit"})}
    rights = Rights(token(acl))

    assert not rights.may("/vms/100", "VM.Migrate")
    assert rights.may("/vms/101", "VM.Migrate")


def test_a_restricted_token_sees_its_guest_and_little_else(lab: Lab) -> None:
    """The list of resources holds its guest, and the nodes without their figures."""
    told = call(lab, "pve1", "GET", "/cluster/resources", token=BOT_TOKEN).json()["data"]

    assert {entry["type"] for entry in told} == {"node", "qemu"}
    assert [entry["vmid"] for entry in told if entry["type"] == "qemu"] == [100]
    assert not any("cpu" in entry for entry in told if entry["type"] == "node")


def test_a_task_is_shown_to_its_owner_and_to_auditors_alone(lab: Lab) -> None:
    """Another token's task needs Sys.Audit on its node; one's own does not."""
    theirs = migrate(lab, "pve1", "pve3")
    order = {"target": "pve3", "online": 1}
    ours = call(lab, "pve1", "POST", "/nodes/pve1/qemu/100/migrate", order, token=BOT_TOKEN).json()["data"]

    def looks(upid: str) -> tuple[int, str]:
        answer = call(lab, "pve1", "GET", f"/nodes/pve1/tasks/{quote(upid)}/status", token=BOT_TOKEN)
        return answer.status_code, answer.reason

    assert looks(ours) == (200, "OK")
    assert looks(theirs) == (403, "Permission check failed (/nodes/pve1, Sys.Audit)")
    listed = call(lab, "pve1", "GET", "/nodes/pve1/tasks", {"source": "all"}, token=BOT_TOKEN).json()
    assert [task["upid"] for task in listed["data"]] == [ours]


def test_recent_tasks_of_the_whole_cluster_are_listed(lab: Lab) -> None:
    """``/cluster/tasks`` holds running tasks without and ended ones with a status."""
    upid = migrate(lab, "pve1", "pve3")
    (running,) = call(lab, "pve3", "GET", "/cluster/tasks").json()["data"]
    lab.advance(10)
    (ended,) = call(lab, "pve3", "GET", "/cluster/tasks").json()["data"]

    assert (running["upid"], "status" in running) == (upid, False)
    assert (ended["upid"], ended["status"]) == (upid, "OK")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("vmid", "99", "invalid format - value does not look like a valid VM ID\n"),
        ("vmid", "abc", "type check ('integer') failed - got 'abc'"),
        ("bwlimit", "-1", "value must have a minimum value of 0"),
        ("bwlimit", "1.5", "type check ('integer') failed - got '1.5'"),
        ("online", "true", "type check ('boolean') failed - got 'true'"),
        ("target", "pve_3", "invalid format - value does not look like a valid node name\n"),
        ("migration_network", "10.0.0.1", "invalid format - value does not look like a valid CIDR network\n"),
        ("migration_type", "fast", "value 'fast' does not have a value in the enumeration 'secure, insecure'"),
    ],
)
def test_a_wrong_parameter_is_named_in_proxmox_words(name: str, value: str, said: str) -> None:
    """Each kind of mistake has its own sentence."""
    assert complaint(name, value) == said


def test_a_missing_parameter_is_named() -> None:
    """An order without a target is refused."""
    method, captured = schema.load("9.1").find("POST", MIGRATE)

    with pytest.raises(Refusal) as refusal:
        validation.check(method.properties, captured)
    assert refusal.value.errors == {"target": "property is missing and it is not optional"}


@given(text=st.text())
def test_only_0_and_1_are_booleans(text: str) -> None:
    """Whatever else stands in a form, it is refused."""
    assert (complaint("online", text) is None) == (text in ("0", "1"))


@given(vmid=st.integers())
def test_vm_ids_have_three_to_nine_digits(vmid: int) -> None:
    """100 to 999999999 pass, nothing else."""
    assert (complaint("vmid", str(vmid)) is None) == (100 <= vmid <= 999_999_999)


def test_the_more_literal_path_is_meant() -> None:
    """Of two templates that fit, the one with fewer placeholders is the call."""
    method, captured = schema.load("9.1").find("GET", ["cluster", "ha", "status", "current"])

    assert (method.key, captured) == ("GET /cluster/ha/status/current", {})
