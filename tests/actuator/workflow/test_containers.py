"""Containers: moved by a restart, and only where the operator allows that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from deploy.lab.plan import GuestPlan
from tests.actuator.workflow.bench import ORDER, PATIENCE, RULES, Bench
from tests.actuator.workflow.plans import awake, with_guest

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

ALLOWED = replace(RULES, restart_containers=True, restart_timeout_seconds=60)


def container(**changes: object) -> Plan:
    """The original experiment, awake, with a container instead of the virtual machine."""
    return awake(with_guest(kind="lxc", disks={"rootfs": "shared:subvol-100-disk-0,size=8G"}, **changes))


@pytest.mark.parametrize("version", ["7.4", "8.2.5", "9.1"])
def test_a_container_moves_by_a_restart(tmp_path: Path, version: str) -> None:
    """On every release, with or without preconditions for containers; its downtime is that of the whole move."""
    with Bench(tmp_path, replace(container(), version=version), rules=ALLOWED) as bench:  # type: ignore[arg-type]
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        assert [task.type for task in bench.lab.tasks] == ["vzmigrate"]
        (request,) = bench.sent("POST", "/lxc/100/migrate")
        assert request.parameters == {"target": "pve", "restart": "1", "timeout": "60"}
        assert job.checkpoint.outcome is not None
        assert job.checkpoint.outcome.downtime_seconds == job.checkpoint.outcome.duration_seconds == 3.0
        assert any("which restarts it" in message for message in bench.messages(job.id))


def test_without_leave_it_stays(tmp_path: Path) -> None:
    """Downtime is the operator's to allow; the refusal names the setting."""
    with Bench(tmp_path, container()) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_NOT_ALLOWED)
        assert "guests.restart_containers" in job.message
        assert bench.sent("POST", "/migrate") == []


def test_a_virtual_machine_is_chosen_first(tmp_path: Path) -> None:
    """A container is chosen only where no virtual machine can be, however busy it is."""
    plan = awake(with_guest())
    busy = GuestPlan(101, "pve2", "db", tags=("wattshift",), kind="lxc", load=1.0, cpus=4)
    with Bench(tmp_path, replace(plan, guests=(*plan.guests, busy)), rules=ALLOWED) as bench:
        anything = replace(ORDER, vmid=None, target_node=None)
        assert bench.run(bench.order(anything)).vmid == 100
        assert bench.run(bench.order(anything)).vmid == 101


def test_a_container_that_does_not_shut_down_stays(tmp_path: Path) -> None:
    """Proxmox gives up, the container runs on where it was, and the job says so."""
    with Bench(tmp_path, container(), rules=ALLOWED) as bench:
        bench.lab.set_shutdown_time(600)

        job = bench.run(bench.order())

        assert job.failure is Failure.MIGRATION_FAILED
        assert "stayed on pve2 (running)" in job.message
        assert "received interrupt" in job.message


def test_a_container_under_ha_is_followed(tmp_path: Path) -> None:
    """HA moves it in its own way: stopped, moved, and started some rounds after the task's end."""
    with Bench(tmp_path, container(ha=True), rules=ALLOWED) as bench:
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        assert [task.type for task in bench.lab.tasks] == ["hamigrate", "vzmigrate"]
        assert bench.lab.guest(100).running


def test_the_lock_of_a_container_is_waited_for(tmp_path: Path) -> None:
    """Proxmox words it otherwise than for a virtual machine; it is a lock all the same."""
    with Bench(tmp_path, container(), rules=ALLOWED) as bench:
        job_id = bench.order()
        bench.run(job_id, JobState.MIGRATING)
        bench.lab.set_lock(100, "disk")
        bench.run(job_id, lambda job: "locked (disk)" in job.message)
        bench.lab.set_lock(100, None)

        assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_lock_that_only_the_task_meets(tmp_path: Path) -> None:
    """For a container the call looks at no lock: a backup that began since the last look is waited out all the same."""
    with Bench(tmp_path, container(), rules=ALLOWED) as bench:
        job_id = bench.order()
        bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
        bench.lab.set_lock(100, "backup")
        bench.run(job_id, lambda job: "locked (backup)" in job.message)
        bench.lab.set_lock(100, None)

        assert bench.run(job_id).state is JobState.SUCCEEDED
        assert any("got locked meanwhile (CT is locked (backup))" in message for message in bench.messages(job_id))


def test_a_copy_that_goes_on_is_followed(tmp_path: Path) -> None:
    """The copy of a container's volumes tells no total: that its log grows is progress enough for patience."""
    disks = {f"mp{number}": f"local:subvol-100-disk-{number},mp=/m{number},size=4G" for number in range(4)}
    plan = awake(with_guest(kind="lxc", disks={"rootfs": "shared:subvol-100-disk-9,size=8G", **disks}))
    rules, timing = replace(ALLOWED, local_disks_max_bytes=64 * 1024**3), replace(PATIENCE, migration_timeout_seconds=8)
    with Bench(tmp_path, plan, rules=rules, timing=timing) as bench:
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        outcome = job.checkpoint.outcome
        assert outcome is not None
        assert outcome.duration_seconds is not None
        assert outcome.duration_seconds > 2 * timing.migration_timeout_seconds
