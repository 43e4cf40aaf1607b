"""The first look at the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import Failure, JobState
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode
from deploy.lab.faults import Answer
from deploy.lab.plan import TokenPlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import ORDER, RULES, WAKE, Bench
from tests.actuator.workflow.plans import awake

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.policy.orders import Order


def test_what_was_decided_is_written_down(bench: Bench) -> None:
    """Guest, source and target of the decision are on the job before anything is done; nothing was done."""
    job = bench.run(bench.order(replace(ORDER, vmid=None, target_node=None)), JobState.WAKING)

    assert (job.vmid, job.source, job.target, job.guest_node) == (100, "pve2", "pve", "pve2")
    assert bench.lab.packets == 0


@pytest.mark.parametrize(
    ("order", "mode", "says"),
    [
        (replace(ORDER, dry_run=True), Mode.ACT, "moves from pve2 to pve"),
        (ORDER, Mode.OBSERVE, "moves from pve2 to pve"),
        (replace(WAKE, dry_run=True), Mode.ACT, "node pve is off and is woken"),
    ],
)
def test_observing_does_nothing(tmp_path: Path, order: Order, mode: Mode, says: str) -> None:
    """A dry run, and the mode that only observes, say what would be done and touch nothing."""
    with Bench(tmp_path, rules=replace(RULES, mode=mode)) as bench:
        job = bench.run(bench.order(order))

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.OBSERVE_ONLY)
        assert says in job.message
        assert bench.lab.packets == 0
        assert [request for request in bench.lab.requests if request.method != "GET"] == []
        assert bench.figures.decisions == [Reason.OBSERVE_ONLY]


def test_a_guest_locked_already_is_not_waited_for_with_a_node(bench: Bench) -> None:
    """A lock that is there from the beginning spares the wake."""
    bench.lab.set_lock(100, "backup")

    job = bench.run(bench.order())

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_LOCKED)
    assert bench.lab.packets == 0


def test_a_lock_of_the_only_candidate_is_waited_for(bench: Bench) -> None:
    """Whether it was named or would be chosen: a backup that ends in time lets the guest move."""
    bench.lab.set_lock(100, "backup")
    job_id = bench.order(replace(ORDER, vmid=None))

    waiting = bench.run(job_id, lambda job: "locked by Proxmox (backup)" in job.message)
    assert (waiting.state, waiting.vmid, bench.lab.packets) == (JobState.PREFLIGHT, None, 0)

    bench.lab.set_lock(100, None)
    assert bench.run(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(("shown", "reason"), [(180.0, Reason.TARGET_OVER_POWER), (150.0, Reason.ACCEPTED)])
def test_a_guest_that_has_just_come_counts_before_the_figures_show_it(
    tmp_path: Path, shown: float, reason: Reason
) -> None:
    """Two orders for one target, the second right after the first: it waits for what the target draws by then."""
    watts = {"pve": 150.0, "pve2": 190.0}
    power = Power(watts, {"pve": 200.0, "pve2": 200.0}, {100: 30.0, 101: 30.0})
    plan = awake(two_nodes())
    with Bench(tmp_path, replace(plan, guests=(*plan.guests, replace(plan.guests[0], vmid=101)))) as bench:
        bench.ticker = bench.new_ticker(power=lambda: power)
        assert bench.run(bench.order()).state is JobState.SUCCEEDED

        job_id = bench.order(replace(ORDER, vmid=101))
        waiting = bench.run(job_id, lambda job: "have just come" in job.message)
        assert (waiting.state, len(bench.sent("POST", "/migrate"))) == (JobState.PREFLIGHT, 1)

        watts["pve"] = shown
        assert bench.run(job_id).reason is reason


def test_a_token_without_audit_names_the_privilege(tmp_path: Path) -> None:
    """A 403 fails the job at once, with the privilege, the path, and no secret."""
    token = TokenPlan("low@pve", "few", "77777777-0000-0000-0000-000000000000", {"/vms": frozenset({"VM.Audit"})})
    plan = two_nodes()
    with Bench(tmp_path, replace(plan, tokens=(token,))) as bench:
        job = bench.run(bench.order())

    assert (job.state, job.failure) == (JobState.FAILED, Failure.PROXMOX_DENIED)
    assert "lacks the privilege Sys.Audit on /" in job.message
    assert token.secret not in job.message


def test_a_wrong_secret_says_what_to_check(tmp_path: Path) -> None:
    """A 401, whose text means nothing, fails the job with what to check, and no secret."""
    with Bench(tmp_path, replace(two_nodes(), refusal_seconds=0.0), token=("wattshift@pve!actuator", "wr0ng")) as bench:
        job = bench.run(bench.order())

    assert job.failure is Failure.PROXMOX_DENIED
    assert "proxmox.token_id" in job.message
    assert "wr0ng" not in job.message


def test_a_proxmox_that_is_gone_is_waited_for(bench: Bench) -> None:
    """Proxmox away for a while delays the job, and does not end it."""
    fault = bench.lab.faults.add(Answer("GET", "/cluster/*", times=None, status=596, reason="Connection timed out"))
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.failures == 4)
    fault.times = 0

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert job.checkpoint.failures == 0


def test_a_proxmox_that_stays_away_fails_the_job(bench: Bench) -> None:
    """No endpoint for too long ends the job, saying what to check and that nothing was touched; pauses grow."""
    bench.lab.power_off("pve2")

    job = bench.run(bench.order())

    assert job.failure is Failure.PROXMOX_UNREACHABLE
    assert "check that the node is on" in job.message
    assert "No migration was asked for" in job.message
    assert job.checkpoint.failures < 12
