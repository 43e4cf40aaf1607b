"""The releases that the lab plays differ as their changelogs say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plans import recorded_cluster
from deploy.lab.pve.releases import PLAYED
from deploy.lab.pve.schema import document
from deploy.lab.world import Lab
from tests.lab.client import call, data

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import PveVersion


@pytest.mark.parametrize(
    ("version", "tags", "crs", "mapped", "boot"),
    [
        ("7.2", False, False, False, False),
        ("7.4", True, True, False, False),
        ("8.2.5", True, True, True, True),
        ("9.1", True, True, True, True),
    ],
)
def test_what_each_release_tells(
    tmp_path: Path, version: PveVersion, *, tags: bool, crs: bool, mapped: bool, boot: bool
) -> None:
    """Tags and options came within 7, mappings and the kernel with 8; the version is told as Proxmox writes it."""
    plan = dataclasses.replace(recorded_cluster(), version=version, crs={"ha": "static"})
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        guests = {guest["vmid"]: guest for guest in data(lab, "pve1", "/cluster/resources", {"type": "vm"})}
        options = data(lab, "pve1", "/cluster/options")
        preconditions = data(lab, "pve1", "/nodes/pve1/qemu/100/migrate")
        status = data(lab, "pve1", "/nodes/pve1/status")
        told = data(lab, "pve1", "/version")["version"]

    assert ("tags" in guests[100], "allowed-tags" in options, "crs" in options) == (tags, tags, crs)
    assert ("mapped-resources" in preconditions, "boot-info" in status) == (mapped, boot)
    assert told.startswith(version)


def test_what_lies_between_two_that_agree_is_as_they_are() -> None:
    """7.4 has no parameter that neither 7.2 nor 8.2 has, and each that both have."""
    older, between, newer = (document(version) for version in ("7.2", "7.4", "8.2.5"))

    assert set(older) == set(between) == set(newer)
    for key, method in between.items():
        ends = [set(each[key]["parameters"].get("properties", {})) for each in (older, newer)]
        assert ends[0] & ends[1] <= set(method["parameters"].get("properties", {})) <= ends[0] | ends[1], key


@pytest.mark.parametrize(("version", "status"), [("7.2", 400), ("7.4", 200)])
def test_a_log_can_be_downloaded_since_7_3(tmp_path: Path, version: PveVersion, status: int) -> None:
    """The one parameter of a call of ours that came between the two."""
    plan = dataclasses.replace(recorded_cluster(), version=version)
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        upid = call(lab, "pve1", "POST", "/nodes/pve1/qemu/100/migrate", {"target": "pve3", "online": 1}).json()["data"]
        answer = call(lab, "pve1", "GET", f"/nodes/pve1/tasks/{upid}/log", {"download": 0})

    assert answer.status_code == status


def test_the_releases_are_in_order() -> None:
    """Each is newer than the one before, or what a release knows would be wrong."""
    numbers = [tuple(int(part) for part in version.split(".")) for version in PLAYED]

    assert numbers == sorted(numbers)
