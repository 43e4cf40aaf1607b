"""A request that was made ready long ago is not sent as it is: we died, were paused, or Proxmox was away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import JobState
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode
from deploy.lab.faults import Answer
from deploy.lab.plans import two_nodes
from tests.actuator.workflow.bench import RULES, Bench
from tests.actuator.workflow.plans import awake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actuator.policy.rules import Rules


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Both nodes are up."""
    with Bench(tmp_path, awake(two_nodes())) as made:
        yield made


def made_ready(bench: Bench) -> str:
    """A job whose next tick sends the request."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.known_upids is not None)
    assert bench.sent("POST", "/migrate") == []
    return job_id


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (replace(RULES, allowed_vmids=frozenset(), allowed_tag="other"), Reason.GUEST_NOT_ALLOWED),
        (replace(RULES, nodes=frozenset({"pve2"})), Reason.UNKNOWN_TARGET),
        (replace(RULES, mode=Mode.OBSERVE), Reason.OBSERVE_ONLY),
    ],
    ids=["the guest", "the target", "the mode"],
)
def test_what_is_not_allowed_any_more(bench: Bench, rules: Rules, reason: Reason) -> None:
    """A new process, some minutes later, goes by its own rules; nothing is asked for."""
    job_id = made_ready(bench)
    bench.rules = rules
    bench.ticker = bench.new_ticker()
    bench.pass_time(300)

    job = bench.run(job_id)

    assert (job.state, job.reason) == (JobState.SKIPPED, reason), job.message
    assert bench.sent("POST", "/migrate") == []


def test_everything_is_looked_at_anew(bench: Bench) -> None:
    """A guest that got locked in those minutes is waited for, as at any other look, and then moves."""
    job_id = made_ready(bench)
    bench.lab.set_lock(100, "backup")
    bench.pass_time(300)
    bench.run(job_id, lambda job: job.message == "Guest 100 is locked (backup).")
    bench.lab.set_lock(100, None)

    assert bench.run(job_id).state is JobState.SUCCEEDED
    assert len(bench.sent("POST", "/migrate")) == 1


def test_a_pause_before_the_request_lets_it_be_cancelled(bench: Bench) -> None:
    """Not at once, as nobody can know whether the request went out; but as soon as a migration would have shown."""
    job_id = made_ready(bench)
    bench.store.pause("rack work", bench.now)
    bench.tick(job_id)
    assert not bench.job(job_id).cancellable
    job = bench.run(job_id, lambda job: job.cancellable)
    assert job.message.startswith("Proxmox shows no migration of guest 100")
    calls = len(bench.lab.requests)
    for _ in range(3):
        bench.pass_time(bench.tick(job_id).after)
    assert len(bench.lab.requests) == calls, "a job that is held asks Proxmox for nothing"
    bench.store.request_cancel(job_id, "Not needed any more.", bench.now)

    assert bench.run(job_id).state is JobState.CANCELLED
    assert bench.sent("POST", "/migrate") == []


def test_a_request_that_was_taken_is_found_first(bench: Bench) -> None:
    """However old the preparation is: its migration is followed, whatever the rules say by now."""
    job_id = made_ready(bench)
    upid = bench.open_proxmox().migrate("pve2", 100, "pve", online=True)  # as the process did that died over it
    bench.rules = replace(RULES, mode=Mode.OBSERVE)
    bench.ticker = bench.new_ticker()
    bench.pass_time(300)

    job = bench.run(job_id)

    assert (job.state, job.checkpoint.upid) == (JobState.SUCCEEDED, upid)
    assert bench.migrations == [upid]


def test_a_request_that_takes_effect_after_all_hope(bench: Bench) -> None:
    """The guest came to its target by a request that nobody saw: that is told as what it is, and not as nothing."""
    job_id = made_ready(bench)
    bench.lab.faults.add(Answer("POST", "/nodes/*/migrate", status=596, reason="Connection timed out"))
    bench.tick(job_id)
    bench.pass_time(40)
    bench.run(job_id, lambda job: job.checkpoint.known_upids is None)
    bench.lab.place(100, "pve")

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED
    assert "Guest 100 has come to pve." in bench.messages(job_id)
