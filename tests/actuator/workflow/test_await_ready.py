"""Awake is not ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import Failure, JobState
from deploy.lab.faults import Answer, Hang
from deploy.lab.plan import BootTimes, NodePlan, StoragePlan, TokenPlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import RULES, WAKE, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

NEVER = 1e6
SHARED, LOCAL = StoragePlan("shared", "nfs", shared=True), StoragePlan("local", "dir", shared=False)


def without_quorum() -> Plan:
    """A third node, off, has so many votes that two are not enough."""
    plan = two_nodes()
    return replace(plan, nodes=(*plan.nodes, NodePlan("pve3", 3, "02:00:00:00:00:03", on=False, votes=2)))


def in_maintenance() -> Plan:
    """The guest is under HA, and the target is in maintenance as soon as it is up."""
    plan = two_nodes()
    return replace(
        plan,
        nodes=(replace(plan.nodes[0], maintenance=True), plan.nodes[1]),
        guests=(replace(plan.guests[0], ha=True),),
    )


@pytest.mark.parametrize(
    ("plan", "stage", "words"),
    [
        (without_quorum(), "quorate", "pvecm status"),
        (two_nodes(boot=BootTimes(api=NEVER)), "api", "pveproxy"),
        (two_nodes(boot=BootTimes(storages=NEVER)), "storage", "not yet: shared"),
        (in_maintenance(), "ha", "it says maintenance"),
    ],
    ids=["quorate", "api", "storage", "ha"],
)
def test_a_target_that_stays_at_a_stage(tmp_path: Path, plan: Plan, stage: str, words: str) -> None:
    """The failure names the first stage that did not come and where to look; earlier stages have their times."""
    with Bench(tmp_path, plan, rules=replace(RULES, nodes=RULES.nodes | {"pve3"})) as bench:
        job_id = bench.order()

        job = bench.run(job_id)

        assert (job.state, job.failure) == (JobState.FAILED, Failure.NEVER_READY), job.message
        assert words in job.message
        assert bench.store.events(job_id)[-1].detail["stage"] == stage
        assert stage not in job.checkpoint.stages
        assert "member" in job.checkpoint.stages
        assert bench.lab.guest(100).node == "pve2"
        assert bench.sent("POST", "/migrate") == []


def test_a_target_that_goes_away_again(bench: Bench) -> None:
    """A member that leaves is waited for from the beginning, and the failure says so."""
    job_id = bench.order()
    bench.run(job_id, JobState.AWAITING_READY)
    bench.lab.power_off("pve")

    job = bench.run(job_id)

    assert job.failure is Failure.NEVER_READY
    assert bench.store.events(job_id)[-1].detail["stage"] == "member"


def test_a_stage_is_timed_once_but_has_to_hold(bench: Bench) -> None:
    """Quorum seen and lost again keeps its first time, and still has to come back before the migration."""
    job_id = bench.order()
    seen = bench.run(job_id, lambda job: "quorate" in job.checkpoint.stages).checkpoint.stages["quorate"]
    body = '{"data":[{"type":"cluster","name":"lab","quorate":0},{"type":"node","name":"pve","online":1}]}'
    fault = bench.lab.faults.add(Answer("GET", "/cluster/status", times=None, status=200, reason="OK", body=body))
    for _ in range(5):
        bench.pass_time(bench.tick(job_id).after)
    assert bench.job(job_id).state is JobState.AWAITING_READY
    fault.times = 0

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert job.checkpoint.stages["quorate"] == seen


def test_only_the_guests_storages_are_waited_for(tmp_path: Path) -> None:
    """A storage that this guest does not use keeps nobody waiting."""
    plan = replace(two_nodes(), storages=(SHARED, replace(LOCAL, works=False)))
    with Bench(tmp_path, plan) as bench:
        assert bench.run(bench.order()).state is JobState.SUCCEEDED


def test_an_order_to_wake_waits_for_all_storages(tmp_path: Path) -> None:
    """Without a guest it is not known which are needed, so all enabled ones are."""
    plan = replace(two_nodes(), storages=(SHARED, replace(LOCAL, works=False)))
    with Bench(tmp_path, plan) as bench:
        job = bench.run(bench.order(WAKE))

    assert job.failure is Failure.NEVER_READY
    assert "not yet: local" in job.message
    assert "No" not in job.message.split()


def test_storages_that_the_token_may_not_see_are_not_waited_for(tmp_path: Path) -> None:
    """Without Datastore.Audit nothing is told about storages; that is no reason to wait for them."""
    rights = frozenset({"Sys.Audit", "VM.Audit", "VM.Migrate"})
    token = TokenPlan("low@pve", "few", "77777777-0000-0000-0000-000000000000", {"/": rights})
    plan = replace(two_nodes(), tokens=(token,), storages=(replace(SHARED, works=False), LOCAL))
    with Bench(tmp_path, plan) as bench:
        assert bench.run(bench.order()).state is JobState.SUCCEEDED


def test_an_api_that_hangs_is_not_ready(bench: Bench) -> None:
    """A probe that is not answered in a short time counts as a no, and is asked again."""
    hang = bench.lab.faults.add(Hang("GET", "/nodes/pve/version", times=1))
    bench.proxmox = bench.open_proxmox(probe_timeout=0.3)
    bench.ticker = bench.new_ticker()
    job_id = bench.order()

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert hang.arrived.is_set()
