"""Asking for the migration, and following it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.errors import LeadershipLost
from actuator.policy.jobs import Failure, JobState, Progress
from actuator.policy.reasons import Reason
from actuator.workflow.timing import Timing
from deploy.lab.faults import Answer, Drop, Hang
from deploy.lab.plan import MigrationTimes, NodePlan, TokenPlan
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import RULES, Bench
from tests.actuator.workflow.plans import awake, with_guest

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.faults import Fault
    from deploy.lab.plan import Plan

GIB = 1024**3


@pytest.mark.parametrize(
    ("plan", "reason", "word"),
    [
        (with_guest(local_resources=("hostpci0",)), Reason.GUEST_HAS_LOCAL_RESOURCES, "hostpci0"),
        (with_guest(disks={"scsi0": "local:100/vm-100-disk-0.raw"}), Reason.GUEST_HAS_LOCAL_DISKS, "local:100"),
    ],
    ids=["local resources", "local disks"],
)
def test_what_ties_a_guest_to_its_node(tmp_path: Path, plan: Plan, reason: Reason, word: str) -> None:
    """Seen only once there is quorum, it ends the job by its name, and nothing is asked for."""
    with Bench(tmp_path, plan) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, reason)
        assert word in job.message
        assert bench.sent("POST", "/migrate") == []
        assert bench.figures.decisions[-1] is reason


def test_a_lock_that_ends_is_waited_for(bench: Bench) -> None:
    """A backup that began meanwhile delays the move; it is never broken."""
    job_id = bench.order()
    bench.run(job_id, JobState.AWAITING_READY)
    bench.lab.set_lock(100, "backup")
    bench.run(job_id, lambda job: "locked (backup)" in job.message)
    bench.lab.set_lock(100, None)

    assert bench.run(job_id).state is JobState.SUCCEEDED
    assert len(bench.sent("POST", "/migrate")) == 1


def test_a_lock_that_stays_ends_the_job(bench: Bench) -> None:
    """After the patience for it the move is given up, with the lock's name, and nothing was asked for."""
    job_id = bench.order()
    bench.run(job_id, JobState.AWAITING_READY)
    bench.lab.set_lock(100, "backup")

    job = bench.run(job_id)

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_LOCKED)
    assert "backup" in job.message
    assert bench.sent("POST", "/migrate") == []


def test_a_lock_that_only_the_request_meets(bench: Bench) -> None:
    """A lock of whatever kind that came between the last look and the request is waited for as well."""
    kinds = (
        "backup",
        "clone",
        "create",
        "migrate",
        "rollback",
        "snapshot",
        "snapshot-delete",
        "suspending",
        "suspended",
    )
    for kind in kinds:
        bench.lab.faults.add(Answer("POST", "/nodes/*/migrate", status=500, reason=f"VM is locked ({kind})"))

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert len(bench.migrations) == 1
    assert all(any(f"locked ({kind})" in message for message in bench.messages(job.id)) for kind in kinds)


def test_a_lock_that_only_the_look_meets(bench: Bench) -> None:
    """A lock seen in the cluster's list, and gone a moment later, is no reason to give the move up."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    body = '{"data":[{"vmid":100,"type":"qemu","node":"pve2","status":"running","lock":"backup"}]}'
    bench.lab.faults.add(Answer("GET", "/cluster/resources", times=2, status=200, reason="OK", body=body))
    bench.tick(job_id)
    assert bench.job(job_id).message == "Guest 100 is locked (backup)."

    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_request_that_comes_too_late_for_its_own_success(bench: Bench) -> None:
    """Refused because the guest has left the source meanwhile: it is looked for, and found where it was to go."""
    job_id = bench.order()
    ready = bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    hang = bench.lab.faults.add(Hang("POST", "/nodes/*/migrate"))
    ticking = threading.Thread(target=bench.ticker.tick, args=(ready, bench.epoch))
    ticking.start()
    assert hang.arrived.wait(30)
    bench.lab.place(100, "pve")
    hang.release()
    ticking.join(30)

    assert bench.job(job_id).state is JobState.VERIFYING
    assert bench.run(job_id).state is JobState.SUCCEEDED


def test_a_request_that_is_carried_out_late_after_all(tmp_path: Path) -> None:
    """The second of two requests stumbles over the first, which became a task meanwhile: that one is followed."""
    plan = awake(two_nodes(migration=MigrationTimes(bytes_per_second=GIB // 8)))
    with Bench(tmp_path, plan) as bench:
        job_id = bench.order()
        ready = bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
        hang = bench.lab.faults.add(Hang("POST", "/nodes/*/migrate"))
        ticking = threading.Thread(target=bench.ticker.tick, args=(ready, bench.epoch))
        ticking.start()
        assert hang.arrived.wait(30)
        first = bench.open_proxmox().migrate("pve2", 100, "pve", online=True)
        hang.release()
        ticking.join(30)
        assert bench.job(job_id).checkpoint.upid != first

        job = bench.run(job_id)

        assert (job.state, job.checkpoint.upid) == (JobState.SUCCEEDED, first)
        assert any("as the migration has begun already; it is followed" in told for told in bench.messages(job_id))
        assert bench.lab.tasks[1].exitstatus is not None
        assert "got timeout" in bench.lab.tasks[1].exitstatus


def test_somebody_elses_migration_is_waited_out(bench: Bench) -> None:
    """A migration that was running before we made ready to ask is not ours: waited for, and where it went is told."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    upid = bench.open_proxmox().migrate("pve2", 100, "pve", online=True)

    job = bench.run(job_id)

    assert (job.state, job.reason) == (JobState.SKIPPED, Reason.GUEST_ALREADY_THERE)
    assert bench.migrations == [upid]


@pytest.mark.parametrize(("elsewhere", "reason"), [("pve3", Reason.GUEST_ELSEWHERE), (None, Reason.GUEST_NOT_FOUND)])
def test_a_guest_that_left_meanwhile(tmp_path: Path, elsewhere: str | None, reason: Reason) -> None:
    """Moved or destroyed by somebody while the target woke: nothing is asked for."""
    plan = two_nodes()
    nodes = (*plan.nodes, NodePlan("pve3", 3, "02:00:00:00:00:03"))
    with Bench(tmp_path, replace(plan, nodes=nodes), rules=replace(RULES, nodes=RULES.nodes | {"pve3"})) as bench:
        job_id = bench.order()
        bench.run(job_id, JobState.MIGRATING)
        if elsewhere is None:
            bench.lab.remove_guest(100)
        else:
            bench.lab.place(100, elsewhere)

        job = bench.run(job_id)

        assert (job.state, job.reason) == (JobState.SKIPPED, reason)
        assert bench.sent("POST", "/migrate") == []


def test_the_lead_is_looked_at_right_before_the_request(bench: Bench) -> None:
    """A look that hung until another process led is not followed by a request."""
    job_id = bench.order()
    ready = bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    bench.store.next_epoch()

    with pytest.raises(LeadershipLost):
        bench.ticker.tick(ready, bench.epoch)

    assert bench.sent("POST", "/migrate") == []


def test_a_missing_right_to_migrate_is_named(tmp_path: Path) -> None:
    """A token that may look but not move: the privilege is named, and where the guest is."""
    token = TokenPlan(
        "low@pve", "few", "77777777-0000-0000-0000-000000000000", {"/": frozenset({"Sys.Audit", "VM.Audit"})}
    )
    with Bench(tmp_path, replace(two_nodes(), tokens=(token,))) as bench:
        job = bench.run(bench.order())

    assert job.failure is Failure.PROXMOX_DENIED
    assert "VM.Migrate on /vms/100" in job.message
    assert "guest 100 is on pve2" in job.message
    assert "may be running" not in job.message


def test_a_refusal_is_final_and_told_in_proxmox_words(bench: Bench) -> None:
    """What Proxmox will refuse again is not repeated."""
    reason = "storage 'x' is not available on node 'pve'"
    bench.lab.faults.add(Answer("POST", "/nodes/*/migrate", times=None, status=500, reason=reason))

    job = bench.run(bench.order())

    assert job.failure is Failure.PROXMOX_REFUSED
    assert reason in job.message
    assert "No migration has begun: guest 100 is on pve2." in job.message
    assert len(bench.sent("POST", "/migrate")) == 1


@pytest.mark.parametrize("look", ["/nodes/*/tasks/*/status", "/nodes/*/tasks/*/log", "/cluster/status"])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 501])
def test_a_look_that_fails_while_the_guest_moves(bench: Bench, look: str, status: int) -> None:
    """A refused look says nothing of the migration, which runs on and is followed to its end."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.progress is not None)
    bench.lab.faults.add(Answer("GET", look, times=2, status=status, reason="not this time"))

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED, job.message
    assert len(bench.migrations) == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_looks_that_fail_for_too_long_while_the_guest_moves(bench: Bench, *, arrives: bool) -> None:
    """After all patience a last look at the guest counts: it has arrived, or nothing is proven."""
    if not arrives:
        bench.lab.spoil_next_migration("stalls")
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.upid is not None)
    bench.lab.faults.add(Answer("GET", "/nodes/*/tasks/*/log", times=None, status=500, reason="broken"))

    job = bench.run(job_id)

    assert job.failure is (None if arrives else Failure.NOT_PROVEN)
    assert job.state is (JobState.SUCCEEDED if arrives else JobState.FAILED)
    assert arrives or "Guest 100 was last seen on pve2; its migration may be running." in job.message


@pytest.mark.parametrize(
    "fault",
    [
        Answer("POST", "/nodes/*/migrate", executed=True, status=596, reason="Connection timed out"),
        Answer("POST", "/nodes/*/migrate", executed=True, status=599, reason="Too many redirections"),
        Answer("POST", "/nodes/*/migrate", executed=True, status=500, reason="boom"),
        Answer("POST", "/nodes/*/migrate", executed=True, status=403, reason="boom"),
        Answer("POST", "/nodes/*/migrate", executed=True, status=200, reason="OK", body="<html>hello</html>"),
        Drop("POST", "/nodes/*/migrate", executed=True),
    ],
    ids=["596", "599", "500", "403", "another answer", "dropped"],
)
def test_a_lost_answer_makes_no_second_migration(bench: Bench, fault: Fault) -> None:
    """The request was carried out, its answer was not heard: the task is found and followed."""
    bench.lab.faults.add(replace(fault))

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert [job.checkpoint.upid] == bench.migrations
    assert len(bench.sent("POST", "/migrate")) == 1
    assert any("its answer had been lost" in message for message in bench.messages(job.id))


def test_a_lost_answer_may_be_heard_of_after_the_end(bench: Bench) -> None:
    """Proxmox away until the migration is long over: the guest's arrival is found, with what it cost."""
    bench.lab.faults.add(Drop("POST", "/nodes/*/migrate", executed=True))
    job_id = bench.order()
    bench.run(job_id, lambda _: len(bench.migrations) == 1)
    bench.pass_time(100)

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert job.checkpoint.outcome is not None
    assert job.checkpoint.outcome.downtime_seconds == 0.042
    assert len(bench.migrations) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Answer("POST", "/nodes/*/migrate", status=595, reason="No route to host"),
        Answer("POST", "/nodes/*/migrate", status=596, reason="Connection timed out"),
        Drop("POST", "/nodes/*/migrate"),
    ],
    ids=["595", "596", "dropped"],
)
def test_a_lost_request_is_repeated(bench: Bench, fault: Fault) -> None:
    """The request was not carried out: no task is found, so it is sent once more, and there is one migration."""
    bench.lab.faults.add(replace(fault))

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert len(bench.sent("POST", "/migrate")) == 2
    assert len(bench.migrations) == 1


def test_a_target_that_does_not_take_migrations_yet(bench: Bench) -> None:
    """Its ssh came later than its API: tried again after a pause, and told."""
    bench.lab.spoil_next_migration("abort")
    bench.lab.spoil_next_migration("abort")

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert (len(bench.migrations), job.checkpoint.attempts) == (3, 3)
    assert sum("does not take migrations yet" in message for message in bench.messages(job.id)) == 2


def test_it_is_tried_so_often_and_no_more(tmp_path: Path) -> None:
    """A target that has long been up, and never takes a migration, ends the job with Proxmox's cause."""
    with Bench(tmp_path, awake(two_nodes())) as bench:
        bench.pass_time(1000)
        for _ in range(10):
            bench.lab.spoil_next_migration("abort")

        job = bench.run(bench.order())

        assert job.failure is Failure.MIGRATION_FAILED
        assert "Can't connect to destination address using public key" in job.message
        assert "Guest 100 stayed on pve2 (running)." in job.message
        assert len(bench.migrations) == 5


def test_problems_with_the_guest_still_there(bench: Bench) -> None:
    """A migration that broke off is a failure with its cause, not repeated; the guest runs where it was."""
    bench.lab.spoil_next_migration("problems, stays")

    job = bench.run(bench.order())

    assert job.failure is Failure.MIGRATION_FAILED
    assert "stayed on pve2 (running)" in job.message
    assert "VM quit/powerdown failed" in job.message
    assert job.guest_node == "pve2"
    assert len(bench.migrations) == 1


def test_problems_with_the_guest_arrived(bench: Bench) -> None:
    """Problems after the arrival: the guest is looked for, found running on the target, and the problems are told."""
    bench.lab.spoil_next_migration("problems, moves")

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    assert "Its task ended with 'migration problems'" in job.message
    assert job.guest_node == "pve"


def test_a_killed_task(bench: Bench) -> None:
    """A task that vanished left no last word; where the guest is counts, and a lock left behind is told."""
    bench.lab.spoil_next_migration("killed")

    job = bench.run(bench.order())

    assert job.failure is Failure.MIGRATION_FAILED
    assert "unexpected status" in job.message
    assert "stayed on pve2" in job.message


def test_a_migration_that_makes_no_progress(tmp_path: Path) -> None:
    """It is given up on, not interrupted, and the message says where to look."""
    with Bench(tmp_path, timing=Timing(migration_timeout_seconds=60)) as bench:
        bench.lab.spoil_next_migration("stalls")

        job = bench.run(bench.order())

        assert job.failure is Failure.NOT_PROVEN
        assert str(job.checkpoint.upid) in job.message
        assert bench.lab.tasks[-1].exitstatus is None
        assert bench.sent("DELETE", "") == []


def test_a_long_migration_that_moves_is_followed(tmp_path: Path) -> None:
    """Patience counts from the newest progress, not from the beginning."""
    plan = with_guest(memory_bytes=20 * GIB)
    with Bench(tmp_path, plan, timing=Timing(migration_timeout_seconds=5)) as bench:
        assert bench.run(bench.order()).state is JobState.SUCCEEDED


def test_progress_is_told_once_and_read_from_new_lines_only(bench: Bench) -> None:
    """Each look reads only the log's new lines; the newest progress is on the job."""
    job_id = bench.order()
    job = bench.run(job_id, lambda job: job.checkpoint.progress is not None)
    assert job.checkpoint.progress == Progress(GIB, 4 * GIB, GIB)

    bench.run(job_id)

    starts = [int(request.parameters["start"]) for request in bench.sent("GET", "/log")]
    assert starts[:-1] == sorted(starts[:-1])
    assert starts[-2] > 0
    assert starts[-1] == 0
    told = [message for message in bench.messages(job_id) if message.startswith("Moved ")]
    assert len(told) == len(set(told)) == 3


def test_quorum_lost_before_the_request(bench: Bench) -> None:
    """Proxmox says not now: waited for, and the migration happens when the quorum is back."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    fault = bench.lab.faults.add(
        Answer("POST", "/nodes/*/migrate", times=None, status=500, reason="cluster not ready - no quorum?")
    )
    job = bench.run(job_id, lambda job: job.checkpoint.failures == 3)
    assert "no quorum" in job.message
    fault.times = 0

    assert bench.run(job_id).state is JobState.SUCCEEDED
    assert len(bench.migrations) == 1


def test_the_target_lost_before_the_request(bench: Bench) -> None:
    """The target off again, and the quorum with it: the job ends in time with what Proxmox said, the guest stayed."""
    job_id = bench.order()
    bench.run(job_id, JobState.MIGRATING)
    bench.lab.power_off("pve")

    job = bench.run(job_id)

    assert job.failure is Failure.PROXMOX_REFUSED
    assert "no quorum" in job.message
    assert bench.lab.guest(100).node == "pve2"


def test_the_target_lost_mid_way(bench: Bench) -> None:
    """The target's power fails while memory goes over: the task's failure is told, the guest stayed."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.progress is not None)
    bench.lab.power_off("pve")

    job = bench.run(job_id)

    assert job.failure is Failure.MIGRATION_FAILED
    assert "stayed on pve2 (running)" in job.message


def test_the_source_gone_after_the_move(bench: Bench) -> None:
    """A source that is off when the end is looked for: the other endpoint tells that the guest has arrived."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.progress is not None)
    bench.pass_time(10)
    bench.lab.power_off("pve2")

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert "Its task on pve2 can no longer be read." in job.message


@pytest.mark.parametrize("arrived", [False, True])
def test_a_task_that_nobody_knows_any_more(bench: Bench, *, arrived: bool) -> None:
    """A task id that Proxmox has forgotten: the guest is looked for; where it was, nothing is proven."""
    if not arrived:
        bench.lab.spoil_next_migration("stalls")
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.upid is not None)
    if arrived:
        bench.pass_time(60)
    bench.lab.faults.add(
        Answer(
            "GET",
            "/nodes/*/tasks/*/status",
            times=None,
            status=400,
            reason="Parameter verification failed.",
            body='{"data":null,"errors":{"upid":"no such task"}}',
        )
    )

    job = bench.run(job_id)

    assert job.failure is (None if arrived else Failure.NOT_PROVEN)
    assert ("can no longer be read" if arrived else "no such task") in job.message
