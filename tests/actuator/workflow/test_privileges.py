"""The privileges that deploy/proxmox grants: all are needed, and they are enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.errors import ProxmoxDenied
from actuator.policy.jobs import Failure, Job, JobState
from actuator.policy.reasons import Reason
from deploy.lab.plans import ACTUATOR_TOKEN, DEFAULT_ACL, two_nodes
from deploy.lab.pve import schema
from tests.actuator.workflow.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actuator.adapters.endpoints import Endpoints
    from deploy.lab.plan import Plan


def lacking(privilege: str, path: str) -> Plan:
    """The original experiment, with a token that lacks one privilege at one path."""
    acl = dict(ACTUATOR_TOKEN.acl)
    assert privilege in acl[path], "the grant that is to be taken away is not there"
    acl[path] = acl[path] - {privilege}
    return replace(two_nodes(), tokens=(replace(ACTUATOR_TOKEN, acl=acl),))


@pytest.mark.parametrize("acl", [ACTUATOR_TOKEN.acl, DEFAULT_ACL], ids=["to wake through Proxmox", "default"])
def test_the_granted_privileges_are_enough(tmp_path: Path, acl: dict[str, frozenset[str]]) -> None:
    """With exactly them the node is woken and the guest moved; what the published schema checks is among them."""
    with Bench(tmp_path, replace(two_nodes(), tokens=(replace(ACTUATOR_TOKEN, acl=acl),))) as bench:
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED
        published = schema.load(bench.lab.plan.version)
        called = [
            published.find(request.method, request.path.strip("/").split("/"))[0] for request in bench.lab.requests
        ]
    assert "POST /nodes/{node}/qemu/{vmid}/migrate" in {method.key for method in called}
    checked = {
        privilege for method in called if "check" in method.permissions for privilege in method.permissions["check"][2]
    }
    assert {"Sys.Audit", "VM.Migrate"} <= checked <= frozenset().union(*acl.values())


@pytest.mark.parametrize(
    ("privilege", "path", "ends"),
    [
        ("VM.Migrate", "/vms", lambda job: (job.failure, "VM.Migrate on /vms/100" in job.message)),
        ("VM.Audit", "/vms", lambda job: (job.reason, job.state is JobState.SKIPPED)),
        ("Sys.Audit", "/", lambda job: (job.failure, "Sys.Audit on /" in job.message)),
    ],
)
def test_without_one_of_them_nothing_is_moved(
    tmp_path: Path, privilege: str, path: str, ends: Callable[[Job], tuple[object, bool]]
) -> None:
    """Each privilege taken away ends a move, and the job says which one it is, or that the guest cannot be seen."""
    with Bench(tmp_path, lacking(privilege, path)) as bench:
        job = bench.run(bench.order())

    expected = Reason.GUEST_NOT_FOUND if privilege == "VM.Audit" else Failure.PROXMOX_DENIED
    assert ends(job) == (expected, True)


def test_without_datastore_audit_a_storage_that_fails_is_not_seen(tmp_path: Path) -> None:
    """With the privilege, a guest does not follow to a node whose storage is not there; without it nobody knows."""
    ends = {}
    for name, plan in (("granted", two_nodes()), ("lacking", lacking("Datastore.Audit", "/"))):
        broken = tuple(replace(storage, works=False) for storage in plan.storages)
        with Bench(tmp_path / name, replace(plan, storages=broken)) as bench:
            ends[name] = bench.run(bench.order()).failure

    assert ends["granted"] is Failure.NEVER_READY
    assert ends["lacking"] is not Failure.NEVER_READY


@pytest.mark.parametrize(
    ("privilege", "method", "path"),
    [("Sys.PowerMgmt", "post", ("nodes", "pve", "wakeonlan")), ("Sys.Audit", "get", ("nodes", "pve2", "status"))],
)
def test_what_is_granted_on_nodes(tmp_path: Path, privilege: str, method: str, path: tuple[str, ...]) -> None:
    """A node is woken through a peer, and its state is read, with what is granted on nodes and not without."""
    for number, plan in enumerate((two_nodes(), lacking(privilege, "/nodes"))):
        with Bench(tmp_path / str(number), plan) as bench:
            endpoints: Endpoints = bench.proxmox._endpoints
            call = getattr(endpoints, method)
            if number == 0:
                call(*path)
            else:
                with pytest.raises(ProxmoxDenied, match=rf"{privilege} on /nodes"):
                    call(*path)
