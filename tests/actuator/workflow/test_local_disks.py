"""Disks that the source alone holds: copied only within what the operator allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.errors import LeadershipLost
from actuator.policy.jobs import JobState
from actuator.policy.reasons import Reason
from deploy.lab.faults import Answer, Hang
from deploy.lab.plan import StoragePlan, TokenPlan
from tests.actuator.workflow.bench import RULES, Bench
from tests.actuator.workflow.plans import awake, with_guest

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3
ALLOWED = replace(RULES, local_disks_max_bytes=8 * GIB)
SMALL = {"scsi0": "local:100/vm-100-disk-0.raw,size=4G", "scsi1": "shared:vm-100-disk-1,size=500G"}


@pytest.mark.parametrize("version", ["7.4", "9.1"])
def test_what_is_within_the_cap_is_copied(tmp_path: Path, version: str) -> None:
    """The disk goes along because it was allowed to; its progress is told before that of the memory."""
    plan = replace(awake(with_guest(disks=SMALL)), version=version)  # type: ignore[arg-type]  # a PveVersion
    with Bench(tmp_path, plan, rules=ALLOWED) as bench:
        job_id = bench.order()
        copying = bench.run(job_id, lambda job: job.checkpoint.progress is not None)
        assert copying.checkpoint.progress is not None
        assert copying.checkpoint.progress.bytes_per_second is None

        assert bench.run(job_id).state is JobState.SUCCEEDED
        (request,) = bench.sent("POST", "/migrate")
        assert request.parameters["with-local-disks"] == "1"


@pytest.mark.parametrize("ha", [False, True])
@pytest.mark.parametrize(
    ("disk", "words"),
    [("local:100/vm-100-disk-0.raw,size=9G", "come to 9.0 GiB"), ("local:100/vm-100-disk-0.raw", "does not tell")],
    ids=["too large", "of unknown size"],
)
def test_what_is_not_is_left(tmp_path: Path, disk: str, words: str, *, ha: bool) -> None:
    """HA would copy it unasked, so the cap counts there as well; nothing is asked for."""
    with Bench(tmp_path, awake(with_guest(disks={"scsi0": disk}, ha=ha)), rules=ALLOWED) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_HAS_LOCAL_DISKS)
        assert words in job.message
        assert bench.sent("POST", "/migrate") == []


@pytest.mark.parametrize("kind", ["qemu", "lxc"])
@pytest.mark.parametrize(
    ("options", "replicated", "goes"),
    [("", True, True), ("", False, False), (",replicate=0", True, False)],
    ids=["has a copy", "never got one", "not of this disk"],
)
def test_what_the_target_has_a_copy_of_is_not_counted(
    tmp_path: Path, kind: str, options: str, *, replicated: bool, goes: bool
) -> None:
    """Only what changed since goes over: the cap is for what is copied whole."""
    disks = {"rootfs" if kind == "lxc" else "scsi0": f"local:vm-100-disk-0,size=100G{options}"}
    plan = awake(with_guest(disks=disks, kind=kind, replicas=("pve",), replicated=replicated))
    with Bench(tmp_path, plan, rules=replace(ALLOWED, restart_containers=True)) as bench:
        job = bench.run(bench.order())

        assert job.state is (JobState.SUCCEEDED if goes else JobState.SKIPPED), job.message
        assert goes or job.reason is Reason.GUEST_HAS_LOCAL_DISKS


@pytest.mark.parametrize("kind", ["qemu", "lxc"])
def test_a_target_without_the_space_is_told_before_anything_is_copied(tmp_path: Path, kind: str) -> None:
    """A copy that runs out of space does so after hours: what is left and what it would take are told first."""
    disks = {"rootfs" if kind == "lxc" else "scsi0": "big:vm-100-disk-0,size=4G"}
    full = StoragePlan("big", "lvmthin", shared=False, total_bytes=500 * GIB, used_bytes=497 * GIB)
    plan = awake(with_guest(disks=disks, kind=kind))
    rules = replace(ALLOWED, restart_containers=True)
    with Bench(tmp_path, replace(plan, storages=(full,)), rules=rules) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.TARGET_STORAGE_FULL)
        assert "Storage big of node pve has 3.0 GiB left" in job.message
        assert bench.sent("POST", "/migrate") == []


def test_disks_that_grew_after_the_last_look(tmp_path: Path) -> None:
    """Leave is for what there is at the request: a disk added since the last look keeps the guest where it is."""
    with Bench(tmp_path, awake(with_guest(disks=SMALL)), rules=ALLOWED) as bench:
        job_id = bench.order()
        bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
        body = '{"data":{"running":1,"local_disks":[{"volid":"local:100/big.raw","size":99999999999}]}}'
        bench.lab.faults.add(Answer("GET", "/nodes/*/qemu/*/migrate", status=200, reason="OK", body=body))

        job = bench.run(job_id)

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_HAS_LOCAL_DISKS)
        assert bench.sent("POST", "/migrate") == []


def test_the_lead_is_looked_at_after_the_look_at_the_disks(tmp_path: Path) -> None:
    """The look may hang until another process leads: no request follows then."""
    with Bench(tmp_path, awake(with_guest(disks=SMALL)), rules=ALLOWED) as bench:
        job_id = bench.order()
        ready = bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
        hang = bench.lab.faults.add(Hang("GET", "/nodes/*/qemu/*/migrate"))
        with ThreadPoolExecutor(1) as pool:
            ticking = pool.submit(bench.ticker.tick, ready, bench.epoch)
            assert hang.arrived.wait(30)
            bench.store.next_epoch()
            hang.release()

            with pytest.raises(LeadershipLost):
                ticking.result(30)

        assert bench.sent("POST", "/migrate") == []


@pytest.mark.parametrize(("cap", "goes"), [(None, False), (4, False), (8, True)])
def test_a_containers_volumes_count_as_well(tmp_path: Path, cap: int | None, *, goes: bool) -> None:
    """Proxmox says nothing of them beforehand and copies them unasked; so they are looked for, and capped."""
    volumes = {"rootfs": "local:subvol-100-disk-0,size=8G"}
    cap_bytes = None if cap is None else cap * GIB
    rules = replace(RULES, restart_containers=True, local_disks_max_bytes=cap_bytes)
    with Bench(tmp_path, awake(with_guest(kind="lxc", disks=volumes)), rules=rules) as bench:
        job = bench.run(bench.order())

        assert job.state is (JobState.SUCCEEDED if goes else JobState.SKIPPED), job.message
        assert goes or job.reason is Reason.GUEST_HAS_LOCAL_DISKS
        assert len(bench.sent("POST", "/migrate")) == int(goes)


def test_what_cannot_be_seen_is_not_copied(tmp_path: Path) -> None:
    """Without the right to see a storage it is not known to be shared; the missing privilege is named."""
    token = TokenPlan(
        "low@pve",
        "few",
        "77777777-0000-0000-0000-000000000000",
        {"/": frozenset({"Sys.Audit", "VM.Audit", "VM.Migrate"})},
    )
    plan = awake(with_guest(kind="lxc", disks={"rootfs": "shared:subvol-100-disk-0,size=8G"}))
    rules = replace(RULES, restart_containers=True)
    with Bench(tmp_path, replace(plan, tokens=(token,)), rules=rules) as bench:
        job = bench.run(bench.order())

        assert job.reason is Reason.GUEST_HAS_LOCAL_DISKS
        assert "Datastore.Audit on /storage/shared" in job.message
