"""The lab's HA stack: what it refuses at once, and what it drops without a word."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from tests.lab.client import data, migrate

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan


def under_ha(**rule: object) -> Plan:
    """Two nodes on; guest 100 on ``pve2`` and guest 101 on ``pve`` under HA, with a rule for the first."""
    plan = two_nodes()
    nodes = tuple(dataclasses.replace(node, on=True) for node in plan.nodes)
    guest = dataclasses.replace(plan.guests[0], ha=True)
    ruled = dataclasses.replace(guest, **rule)  # type: ignore[arg-type]  # fields of GuestPlan
    return dataclasses.replace(plan, nodes=nodes, guests=(ruled, dataclasses.replace(guest, vmid=101, node="pve")))


@pytest.mark.parametrize(
    ("rule", "armed"), [({}, False), ({"apart_from": (101,)}, True)], ids=["disarmed", "kept apart"]
)
def test_a_request_that_is_dropped(tmp_path: Path, rule: dict[str, object], *, armed: bool) -> None:
    """The order's task ends well and nothing else ever happens."""
    with Lab(under_ha(**rule), tmp_path, clock=ManualClock()) as lab:
        lab.arm_ha(armed=armed)
        migrate(lab, "pve2", "pve")
        lab.advance(60)

        assert [(task.type, task.exitstatus) for task in lab.tasks] == [("hamigrate", "OK")]


def test_a_service_in_error_is_refused_in_the_task(tmp_path: Path) -> None:
    """The command says why, and the task only that the command failed."""
    with Lab(under_ha(), tmp_path, clock=ManualClock()) as lab:
        lab.set_ha_error(100)
        migrate(lab, "pve2", "pve")
        lab.advance(1)
        (task,) = lab.tasks

    assert task.exitstatus == "command 'ha-manager migrate vm:100 pve' failed: exit code 255"
    assert task.lines[1] == "service 'vm:100' in error state, must be disabled and fixed first"


def test_what_belongs_together_moves_together(tmp_path: Path) -> None:
    """A rule takes the other service along, which the preconditions say beforehand."""
    plan = under_ha(together_with=(101,))
    here = tuple(dataclasses.replace(guest, node="pve2") for guest in plan.guests)
    with Lab(dataclasses.replace(plan, guests=here), tmp_path, clock=ManualClock()) as lab:
        told = data(lab, "pve2", "/nodes/pve2/qemu/100/migrate")
        migrate(lab, "pve2", "pve")
        lab.advance(60)
        places = {lab.guest(vmid).node for vmid in (100, 101)}

    assert told["dependent-ha-resources"] == ["vm:101"]
    assert places == {"pve"}


def test_what_is_kept_apart_is_told(tmp_path: Path) -> None:
    """The preconditions name the blocking service, and leave the node out of those allowed."""
    with Lab(under_ha(apart_from=(101,)), tmp_path, clock=ManualClock()) as lab:
        told = data(lab, "pve2", "/nodes/pve2/qemu/100/migrate")

    assert told["allowed_nodes"] == []
    assert told["not_allowed_nodes"] == {
        "pve": {"blocking-ha-resources": [{"sid": "vm:101", "cause": "resource-affinity"}]}
    }


def test_a_rule_about_nodes_is_told_with_the_guest_itself(tmp_path: Path) -> None:
    """Of nodes that are off nothing is told."""
    with Lab(under_ha(bound_to=("pve2",)), tmp_path, clock=ManualClock()) as lab:
        told = data(lab, "pve2", "/nodes/pve2/qemu/100/migrate")["not_allowed_nodes"]

    assert told == {"pve": {"blocking-ha-resources": [{"sid": "vm:100", "cause": "node-affinity"}]}}


def test_the_status_lists_managers_and_services(tmp_path: Path) -> None:
    """Every kind of entry that real Proxmox has, and the state of each service."""
    with Lab(under_ha(), tmp_path, clock=ManualClock()) as lab:
        lab.arm_ha(armed=False)
        entries = data(lab, "pve2", "/cluster/ha/status/current")

    assert {entry["type"] for entry in entries} == {"quorum", "fencing", "master", "lrm", "service"}
    assert [entry["armed-state"] for entry in entries if entry["type"] == "fencing"] == ["disarmed"]
    assert {entry["sid"]: entry["state"] for entry in entries if entry["type"] == "service"} == {
        "vm:100": "started",
        "vm:101": "started",
    }


def test_the_option_of_rebalancing(tmp_path: Path) -> None:
    """What the cluster's ``crs`` option says is told to whoever may audit the cluster."""
    plan = dataclasses.replace(under_ha(), crs={"ha": "dynamic", "ha-auto-rebalance": 1})
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        assert data(lab, "pve2", "/cluster/options")["crs"] == {"ha": "dynamic", "ha-auto-rebalance": 1}
