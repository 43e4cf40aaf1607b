"""What errors do to a job."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.errors import (
    GuestLocked,
    Permanent,
    ProxmoxAmbiguous,
    ProxmoxDenied,
    ProxmoxNotReady,
    ProxmoxRefused,
    ProxmoxUnreachable,
)
from actuator.policy.jobs import Checkpoint, Failure, Job, JobState
from actuator.policy.reasons import Reason
from actuator.workflow.timing import Timing
from actuator.workflow.trouble import after_error
from tests.actuator.workflow.bench import ORDER

TIMING = Timing(unreachable_timeout_seconds=300)
JOB = Job("j", ORDER, JobState.MIGRATING, Reason.ACCEPTED, "", 0.0, 0.0, vmid=100, guest_node="pve2")
TEMPORARY = [
    ProxmoxUnreachable("no"),
    ProxmoxAmbiguous("unclear", after=5),
    ProxmoxNotReady("not now"),
    GuestLocked("l"),
]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ProxmoxDenied("the token lacks X"), Failure.PROXMOX_DENIED),
        (ProxmoxRefused("no", status=500, reason="no"), Failure.PROXMOX_REFUSED),
        (Permanent("what"), Failure.INTERNAL),
        (KeyError("secret"), Failure.INTERNAL),
    ],
)
def test_permanent_errors_end_the_job(error: Exception, failure: Failure) -> None:
    """Each has its own failure; a defect of ours is named by its kind, without what it may hold."""
    result = after_error(JOB, error, TIMING, 10.0)

    assert (result.job.state, result.job.failure) == (JobState.FAILED, failure)
    assert "secret" not in (result.message or "")
    assert "guest 100 is on pve2" in (result.message or "")


@pytest.mark.parametrize("error", TEMPORARY)
def test_temporary_errors_are_counted_and_told_once(error: Exception) -> None:
    """The first is told and remembered with its time; the same again is silent."""
    first = after_error(JOB, error, TIMING, 10.0)
    again = after_error(replace(first.job, message=first.message or ""), error, TIMING, 20.0)

    assert first.job.state is JobState.MIGRATING
    assert (first.job.checkpoint.failures, first.job.checkpoint.failing_since) == (1, 10.0)
    assert (again.job.checkpoint.failures, again.job.checkpoint.failing_since) == (2, 10.0)
    assert first.message is not None
    assert again.message is None


@given(st.integers(min_value=0, max_value=10_000), st.sampled_from(TEMPORARY))
def test_pauses_grow_but_stay_bounded(failures: int, error: Exception) -> None:
    """However many errors in a row: never a busy loop, never longer than what it takes to notice the end of it."""
    job = replace(JOB, checkpoint=Checkpoint(failures=failures, failing_since=0.0))

    later = replace(JOB, checkpoint=Checkpoint(failures=failures + 1, failing_since=0.0))
    pause = after_error(job, error, TIMING, 10.0).after

    assert 1.0 <= pause <= 15.0
    assert failures < 4 or pause == 15.0
    assert after_error(later, error, TIMING, 10.0).after >= pause


@given(st.floats(min_value=0, max_value=299.9), st.sampled_from(TEMPORARY))
def test_patience_is_kept(waited: float, error: Exception) -> None:
    """Within the patience a temporary error never ends a job; after it, it always does."""
    job = replace(JOB, checkpoint=Checkpoint(failures=9, failing_since=1000.0))

    assert after_error(job, error, TIMING, 1000.0 + waited).job.live
    assert not after_error(job, error, TIMING, 1300.0).job.live


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TEMPORARY[0], Failure.PROXMOX_UNREACHABLE),
        (TEMPORARY[1], Failure.PROXMOX_UNREACHABLE),
        (TEMPORARY[2], Failure.PROXMOX_REFUSED),
    ],
)
def test_the_end_of_patience_has_a_name(error: Exception, failure: Failure) -> None:
    """No answer is unreachable; an answer that says not now, for too long, is a refusal."""
    job = replace(JOB, checkpoint=Checkpoint(failures=9, failing_since=0.0))

    assert after_error(job, error, TIMING, 300.0).job.failure is failure


@pytest.mark.parametrize("error", [ProxmoxDenied("no"), ProxmoxRefused("no", status=500, reason="no")])
def test_once_asked_for_a_refused_look_is_repeated(error: Exception) -> None:
    """The migration may be running: a look that was refused is no end, and after all patience nothing is proven."""
    asked = Checkpoint(known_upids=(), upid="UPID:x", failing_since=0.0, failures=1)
    job = replace(JOB, checkpoint=asked)

    soon = after_error(job, error, TIMING, 10.0)
    late = after_error(job, error, TIMING, 300.0)

    assert soon.job.live
    assert late.job.failure is Failure.NOT_PROVEN
    assert "its migration may be running" in (late.message or "")
    assert "UPID:x" in (late.message or "")
