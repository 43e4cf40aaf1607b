"""Containers in the lab: they move by a restart, as real ones do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plan import StoragePlan
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from tests.lab.client import call, data

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

PATH = "/nodes/pve2/lxc/100/migrate"


def container(**changes: object) -> Plan:
    """Two nodes on, with a container instead of the virtual machine."""
    plan = two_nodes()
    nodes = tuple(dataclasses.replace(node, on=True) for node in plan.nodes)
    changes = {"disks": {"rootfs": "shared:subvol-100-disk-0,size=8G"}, **changes}
    guest = dataclasses.replace(plan.guests[0], kind="lxc", **changes)  # type: ignore[arg-type]  # fields of GuestPlan
    return dataclasses.replace(plan, nodes=nodes, guests=(guest,))


def test_a_restart_migration(tmp_path: Path) -> None:
    """The container is down while it moves, and runs on the target when its task has ended."""
    with Lab(container(), tmp_path, clock=ManualClock()) as lab:
        upid = call(lab, "pve2", "POST", PATH, {"target": "pve", "restart": 1}).json()["data"]
        lab.advance(2.1)
        between = lab.guest(100)
        lab.advance(5)
        after = lab.guest(100)
        lines = [line["t"] for line in data(lab, "pve2", f"/nodes/pve2/tasks/{quote(upid)}/log", {"limit": 0})]

    assert ":vzmigrate:100:" in upid
    assert (between.running, after.running, after.node, after.lock) == (False, True, "pve", None)
    assert [line[20:] for line in (lines[0], lines[-2])] == [
        "shutdown CT 100",
        "migration finished successfully (duration 00:00:03)",
    ]
    assert lines[-1] == "TASK OK"


def test_a_live_migration_dies_in_its_task(tmp_path: Path) -> None:
    """The API takes ``online``, and only the task says that containers cannot."""
    with Lab(container(), tmp_path, clock=ManualClock()) as lab:
        assert call(lab, "pve2", "POST", PATH, {"target": "pve", "online": 1}).status_code == 200
        lab.advance(1)
        (task,) = lab.tasks

    assert task.exitstatus == "migration aborted"
    assert "lxc live migration is currently not implemented" in task.lines[-2]


@pytest.mark.parametrize(
    ("changes", "parameters", "reason"),
    [
        ({}, {}, "can't migrate running container without --online or --restart"),
        ({"vmid": 101}, {"restart": 1}, "Configuration file 'nodes/pve2/lxc/100.conf' does not exist"),
    ],
    ids=["runs", "is not here"],
)
def test_what_is_refused_at_once(
    tmp_path: Path, changes: dict[str, object], parameters: dict[str, int], reason: str
) -> None:
    """The reason phrase is Proxmox's own."""
    with Lab(container(**changes), tmp_path, clock=ManualClock()) as lab:
        answer = call(lab, "pve2", "POST", PATH, {"target": "pve", **parameters})

    assert (answer.status_code, answer.reason) == (500, reason)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"lock": "backup"}, "CT is locked (backup)"),
        ({"disks": {"rootfs": "far:subvol-100-disk-0"}}, "storage 'far' is not available on node 'pve'"),
    ],
    ids=["locked", "without its storage"],
)
def test_what_its_task_alone_meets(tmp_path: Path, changes: dict[str, object], cause: str) -> None:
    """The API takes the order, other than for a virtual machine; the container is not even shut down."""
    plan = container(**changes)
    far = StoragePlan("far", "nfs", shared=True, nodes=frozenset({"pve2"}))
    with Lab(dataclasses.replace(plan, storages=(*plan.storages, far)), tmp_path, clock=ManualClock()) as lab:
        assert call(lab, "pve2", "POST", PATH, {"target": "pve", "restart": 1}).status_code == 200
        lab.advance(1)
        (task,) = lab.tasks
        still_there = lab.guest(100)

    assert task.exitstatus == "migration aborted"
    assert cause in task.lines[-2]
    assert (still_there.node, still_there.running) == ("pve2", True)


def test_replication_keeps_no_container_back(tmp_path: Path) -> None:
    """Proxmox asks nothing about replication here, and copies the container to a node that has no replica."""
    with Lab(container(replicas=("pve7",)), tmp_path, clock=ManualClock()) as lab:
        call(lab, "pve2", "POST", PATH, {"target": "pve", "restart": 1})
        lab.advance(10)

        assert lab.guest(100).node == "pve"


@pytest.mark.parametrize(("version", "status"), [("7.4", 501), ("8.2.5", 501), ("9.1", 200)])
def test_preconditions_exist_since_9(tmp_path: Path, version: str, status: int) -> None:
    """Before, the path does not exist; since, its keys have hyphens."""
    plan = dataclasses.replace(container(), version=version)  # type: ignore[arg-type]  # a PveVersion
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        answer = call(lab, "pve2", "GET", PATH)

    assert answer.status_code == status
    if status == 200:
        assert set(answer.json()["data"]) == {"running", "allowed-nodes", "not-allowed-nodes"}


def test_one_kind_is_not_found_as_the_other(tmp_path: Path) -> None:
    """A container has no configuration of a virtual machine, and is listed as what it is."""
    with Lab(container(), tmp_path, clock=ManualClock()) as lab:
        answer = call(lab, "pve2", "GET", "/nodes/pve2/qemu/100/config")
        (entry,) = data(lab, "pve2", "/cluster/resources", {"type": "vm"})

    assert answer.reason == "Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist"
    assert (entry["id"], entry["type"]) == ("lxc/100", "lxc")
