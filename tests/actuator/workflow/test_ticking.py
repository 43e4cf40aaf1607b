"""What is the same for every step: waiting, pausing, cancelling, defects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from deploy.lab.faults import Hang
from deploy.lab.plan import GuestPlan, NodePlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import ORDER, RULES, WAKE, Bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actuator.policy.jobs import Job
    from actuator.policy.orders import Order
    from deploy.lab.plan import Plan


class Broken:
    """A way of waking that has a defect."""

    method = "broken"

    def wake(self, node: str) -> int:
        """Fail as no error of ours does."""
        raise RuntimeError(node)


def two_pairs() -> Plan:
    """Two guests on two sources, two targets asleep; the sources alone are quorate."""
    nodes = [NodePlan(f"n{number}", number, f"02:00:00:00:00:0{number}", on=number > 2) for number in range(1, 6)]
    guests = [
        GuestPlan(vmid, node, f"guest-{vmid}", disks={"scsi0": f"shared:vm-{vmid}-disk-0"})
        for vmid, node in ((101, "n3"), (102, "n4"), (103, "n3"))
    ]
    return replace(two_nodes(), nodes=tuple(nodes), guests=tuple(guests))


def pairs(tmp_path: Path, *, limit: int) -> Bench:
    """A bench with two pairs of nodes."""
    names = frozenset({"n1", "n2", "n3", "n4"})
    vmids = frozenset({101, 102, 103})
    rules = replace(RULES, nodes=names, wakeable=names, allowed_vmids=vmids, parallel_limit=limit)
    return Bench(tmp_path, two_pairs(), rules=rules, hosts=("n5",))


def move(vmid: int, source: str, target: str) -> Order:
    """An order to move this guest."""
    return replace(ORDER, vmid=vmid, node=source, target_node=target)


@pytest.mark.parametrize(
    "state",
    [JobState.QUEUED, JobState.PREFLIGHT, JobState.WAKING, JobState.AWAITING_READY, JobState.MIGRATING],
)
def test_cancelling_before_the_request(bench: Bench, state: JobState) -> None:
    """A cancellation is honoured at the next tick, as long as no migration was asked for."""
    job_id = bench.order()
    bench.run(job_id, state)
    bench.store.request_cancel(job_id, "Not needed any more.", 0.0)

    job = bench.run(job_id)

    assert job.state is JobState.CANCELLED
    assert bench.migrations == []
    assert bench.lab.guest(100).node == "pve2"


def asked_for(job: Job) -> bool:
    """Whether the migration may have been asked for."""
    return job.checkpoint.known_upids is not None


@pytest.mark.parametrize("until", [asked_for, JobState.VERIFYING], ids=["asked for", "verifying"])
def test_cancelling_too_late(bench: Bench, until: Callable[[Job], bool] | JobState) -> None:
    """A migration that may have been asked for is never interrupted; the wish does no harm."""
    job_id = bench.order()
    bench.run(job_id, until)
    bench.store.request_cancel(job_id, "Too late.", 0.0)

    assert bench.run(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "call"), [(JobState.AWAITING_READY, "/nodes/*/storage"), (JobState.MIGRATING, "/nodes/*/tasks")]
)
def test_cancelling_while_a_look_hangs(bench: Bench, state: JobState, call: str) -> None:
    """A wish that was taken while a tick was under way is honoured as well: that tick has asked for nothing yet."""
    job_id = bench.order()
    bench.run(job_id, state)
    hang = bench.lab.faults.add(Hang("GET", call))
    with ThreadPoolExecutor(1) as pool:
        ticking = pool.submit(bench.run, job_id)
        assert hang.arrived.wait(30)
        bench.store.request_cancel(job_id, "Not needed any more.", 0.0)
        hang.release()
        job = ticking.result(60)

    assert job.state is JobState.CANCELLED
    assert job.message == "Cancelled before a migration was asked for."
    assert bench.migrations == []


def test_cancelling_between_two_attempts(bench: Bench) -> None:
    """A migration that came too early and is to be tried again can be cancelled until it is asked for anew."""
    bench.lab.spoil_next_migration("abort")
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.attempts == 1 and not asked_for(job))
    bench.store.request_cancel(job_id, "Not needed any more.", 0.0)

    job = bench.run(job_id)

    assert (job.state, job.message) == (JobState.CANCELLED, "Cancelled before another migration was asked for.")
    assert len(bench.migrations) == 1


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.WAKING, JobState.MIGRATING])
def test_a_pause_holds_what_was_not_asked_for(bench: Bench, state: JobState) -> None:
    """While paused a job waits, for however long, without a deadline running out; then it goes on."""
    job_id = bench.order()
    bench.run(job_id, state)
    bench.store.pause("somebody works on the rack", 0.0)
    packets = bench.lab.packets
    for _ in range(5):
        bench.tick(job_id)
        bench.pass_time(1000)
    held = bench.job(job_id)
    assert (held.state, held.message) == (state, "Paused: somebody works on the rack.")
    assert bench.lab.packets == packets
    assert bench.migrations == []
    assert bench.messages(job_id).count(held.message) == 1
    bench.store.resume(0.0)

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_pause_does_not_leave_a_migration_alone(bench: Bench) -> None:
    """What was asked for is followed to its end, paused or not."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.upid is not None)
    bench.store.pause("now", 0.0)

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_defect_ends_its_job_only(bench: Bench) -> None:
    """An error that nobody foresaw is logged whole, and fails the job as a defect of ours."""
    bench.ticker = bench.new_ticker(waker=Broken())
    with capture_logs() as logs:
        job = bench.run(bench.order())

    assert (job.state, job.failure) == (JobState.FAILED, Failure.INTERNAL)
    assert "RuntimeError" in job.message
    defect = next(entry for entry in logs if entry["event"] == "job.defect")
    assert defect["exc_info"]
    assert defect["job"] == job.id


def test_the_failure_is_logged_with_what_proxmox_said(bench: Bench) -> None:
    """Whoever reads the log finds the failure at level error, with the task and Proxmox's cause."""
    bench.lab.spoil_next_migration("problems, stays")
    with capture_logs() as logs:
        job = bench.run(bench.order())

    entry = next(entry for entry in logs if entry["event"] == "job.failed")
    assert entry["log_level"] == "error"
    assert entry["failure"] == "migration_failed"
    assert "VM quit/powerdown failed" in entry["cause"]
    assert entry["upid"] == job.checkpoint.upid
    assert entry["guest_node"] == "pve2"


def test_no_secret_is_ever_told(bench: Bench) -> None:
    """Neither logs nor history nor job hold the token's secret, whatever happens."""
    bench.lab.spoil_next_migration("abort")
    with capture_logs() as logs:
        job = bench.run(bench.order())

    secret = bench.lab.token.secret
    assert secret not in repr(logs)
    assert secret not in repr(job)
    assert secret not in repr(bench.store.events(job.id))
    assert secret not in repr(bench.means())


def test_two_jobs_with_a_node_in_common_take_turns(tmp_path: Path) -> None:
    """The second waits in the queue, and says for what; it begins when the first is over."""
    with pairs(tmp_path, limit=5) as bench:
        first = bench.order(move(101, "n3", "n1"))
        second = bench.order(move(103, "n3", "n2"))
        bench.run(first, JobState.WAKING)
        bench.tick(second)
        assert bench.job(second).state is JobState.QUEUED
        assert bench.job(second).message == "Waits until another job with node n3 is over."

        assert bench.run(first).state is JobState.SUCCEEDED
        assert bench.run(second).state is JobState.SUCCEEDED


def test_two_jobs_with_nothing_in_common_go_side_by_side(tmp_path: Path) -> None:
    """Other guest, other nodes, and room in all: both are at work at once."""
    with pairs(tmp_path, limit=2) as bench:
        first, second = bench.order(move(101, "n3", "n1")), bench.order(move(102, "n4", "n2"))
        bench.run(first, JobState.WAKING)
        bench.run(second, JobState.WAKING)

        assert bench.run(first).state is JobState.SUCCEEDED
        assert bench.run(second).state is JobState.SUCCEEDED


def test_no_more_jobs_than_allowed(tmp_path: Path) -> None:
    """With room for one the other waits, although it shares nothing."""
    with pairs(tmp_path, limit=1) as bench:
        first, second = bench.order(move(101, "n3", "n1")), bench.order(move(102, "n4", "n2"))
        bench.run(first, JobState.WAKING)
        bench.tick(second)

        assert bench.job(second).message == "Waits until one of 1 jobs at work is over (limits.parallel)."


def test_a_choice_that_is_taken_meanwhile_is_made_again(tmp_path: Path) -> None:
    """Two jobs look at the cluster at once and choose the same target: one of them takes it, the other waits."""
    with pairs(tmp_path, limit=5) as bench:
        orders = (replace(move(101, "n3", "n1"), node=None), replace(move(102, "n4", "n1"), target_node=None))
        first, second = (bench.order(order) for order in orders)
        for job_id in (first, second):
            bench.run(job_id, JobState.PREFLIGHT)
        bench.lab.power_on("n1")
        bench.pass_time(60)
        bench.run(first, lambda job: job.state is not JobState.PREFLIGHT)
        bench.tick(second)
        waiting = bench.job(second)
        assert waiting.state is JobState.PREFLIGHT
        assert (waiting.target, waiting.message) == (None, "Waits until another job with node n1 is over.")

        assert bench.run(first).state is JobState.SUCCEEDED
        assert bench.run(second).state is JobState.SUCCEEDED


def test_one_guest_has_one_job(tmp_path: Path) -> None:
    """A choice that falls on a guest with a job of its own is not needed, and says so."""
    rules = replace(RULES, parallel_limit=5)
    with Bench(tmp_path, rules=rules) as bench:
        chosen = bench.order(replace(ORDER, vmid=None, target_node=None))
        bench.run(chosen, JobState.PREFLIGHT)
        looked = bench.job(chosen)
        bench.order()

        job = bench.ticker.tick(looked, bench.epoch).job

        assert (job.state, job.reason) in {
            (JobState.SKIPPED, Reason.IN_FLIGHT),
            (JobState.SKIPPED, Reason.NO_CANDIDATE_GUEST),
        }


def test_a_wake_and_a_move_to_the_same_node(bench: Bench) -> None:
    """They take turns; the move then finds the node awake and sends no packet of its own."""
    wake, move_id = bench.order(WAKE), bench.order()
    bench.run(wake, JobState.WAKING)
    bench.tick(move_id)
    assert bench.job(move_id).message == "Waits until another job with node pve is over."
    bench.run(wake)
    packets = bench.lab.packets

    assert bench.run(move_id).state is JobState.SUCCEEDED
    assert bench.lab.packets == packets
