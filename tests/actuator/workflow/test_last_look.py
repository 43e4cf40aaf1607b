"""What is found only at the last moment before a migration is asked for, or on the way there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import JobState
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from deploy.lab.faults import Answer
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import RULES, Bench
from tests.actuator.workflow.plans import awake, with_guest

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3


def test_a_woken_target_is_looked_at_once_it_tells_its_memory(tmp_path: Path) -> None:
    """While it sleeps nothing is known of it: what it could not take if it were awake, it does not get either."""
    plan = two_nodes()
    small = tuple(replace(node, memory_bytes=3 * GIB) if node.name == "pve" else node for node in plan.nodes)
    with Bench(tmp_path, replace(plan, nodes=small), rules=replace(RULES, memory_reserve_bytes=2 * GIB)) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.NO_TARGET_FITS)
        assert bench.sent("POST", "/migrate") == []


def test_a_woken_target_is_not_pushed_over_its_threshold(tmp_path: Path) -> None:
    """As one that was awake from the start would not be."""
    power = Power({"pve2": 80.0, "pve": 55.0}, {"pve2": 70.0, "pve": 60.0}, {100: 40.0})
    with Bench(tmp_path) as bench:
        bench.ticker = bench.new_ticker(power=lambda: power)
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.TARGET_OVER_POWER)
        assert bench.sent("POST", "/migrate") == []


def test_the_power_of_a_start_is_waited_out(tmp_path: Path) -> None:
    """A boot draws much, and the mean tells of it for a minute more: that is no reason to refuse the move for good."""
    thresholds, guest = {"pve2": 70.0, "pve": 60.0}, {100: 40.0}
    booting, settled = (Power({"pve2": 80.0, "pve": watts}, thresholds, guest) for watts in (55.0, 10.0))
    with Bench(tmp_path) as bench:
        calm_at = bench.now + 60
        bench.ticker = bench.new_ticker(power=lambda: settled if bench.now >= calm_at else booting)
        job_id = bench.order()
        bench.run(job_id, lambda job: "to settle" in job.message)

        job = bench.run(job_id)

        assert job.state is JobState.SUCCEEDED, job.message
        assert bench.now >= calm_at
        assert sum("to settle" in message for message in bench.messages(job_id)) == 1


def test_a_pause_holds_back_a_request_that_has_to_be_repeated(bench: Bench) -> None:
    """The kill switch counts until Proxmox has taken the request, and not only until the first attempt."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    bench.lab.faults.add(Answer("POST", "/nodes/*/migrate", times=None, status=595, reason="Connection refused"))
    for _ in range(3):
        bench.pass_time(bench.tick(job_id).after)
    bench.store.pause("enough", bench.now)
    bench.lab.faults.clear()
    asked = len(bench.sent("POST", "/migrate"))
    for _ in range(5):
        bench.pass_time(bench.tick(job_id).after)
    assert len(bench.sent("POST", "/migrate")) == asked

    bench.store.resume(bench.now)
    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_lock_is_waited_for_from_the_first_look_on(tmp_path: Path) -> None:
    """A backup that ends in time costs no move; one that does not ends the job with its name."""
    with Bench(tmp_path, awake(two_nodes())) as bench:
        bench.lab.set_lock(100, "backup")
        job_id = bench.order()
        bench.tick(job_id)
        bench.pass_time(bench.tick(job_id).after)
        assert bench.job(job_id).state is JobState.PREFLIGHT
        bench.lab.set_lock(100, None)

        assert bench.run(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("dev0", "/dev/dri/renderD128", Reason.GUEST_HAS_LOCAL_RESOURCES),
        ("mp0", "/srv/media,mp=/media", Reason.GUEST_HAS_LOCAL_RESOURCES),
        ("unused0", "local:100/vm-100-disk-1.raw", Reason.GUEST_HAS_LOCAL_DISKS),
    ],
)
def test_a_container_bound_to_its_node_is_left_there(tmp_path: Path, key: str, value: str, reason: Reason) -> None:
    """Proxmox would shut it down first and find out then, or copy without being asked."""
    disks = {"rootfs": "shared:subvol-100-disk-0,size=8G", key: value}
    with Bench(
        tmp_path, awake(with_guest(kind="lxc", disks=disks)), rules=replace(RULES, restart_containers=True)
    ) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, reason)
        assert bench.sent("POST", "/migrate") == []


@pytest.mark.parametrize(("status", "why"), [(500, "ipcc_send_rec[1] failed: Connection refused"), (401, "No!")])
def test_an_endpoint_that_is_out_of_order_is_passed_over(tmp_path: Path, status: int, why: str) -> None:
    """Its cluster file system is down, so that it knows no token: the other endpoint does."""
    with Bench(tmp_path, awake(two_nodes())) as bench:
        bench.lab.faults.add(Answer("*", "*", times=None, status=status, reason=why, node="pve"))

        assert bench.run(bench.order()).state is JobState.SUCCEEDED
