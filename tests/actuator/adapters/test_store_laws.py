"""What no sequence of writes can break: transitions, fencing, a wish to cancel."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from actuator.adapters.tables import job_events, jobs
from actuator.errors import CancelRequested, LeadershipLost
from actuator.policy.jobs import TERMINAL, Checkpoint, Failure, Job, JobState, allowed
from tests.actuator.adapters.stores import add, opened
from tests.actuator.policy.samples import NOW, job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.adapters.store import Store


def at(state: JobState, *, cancel_requested: bool = False) -> Job:
    """The job in a state, with the fields that go with it."""
    return job(
        state=state,
        failure=Failure.INTERNAL if state is JobState.FAILED else None,
        finished_at=NOW if state in TERMINAL else None,
        cancel_requested=cancel_requested,
        updated_at=NOW + 1,
    )


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A new store."""
    with opened(database) as opened_store:
        yield opened_store


@contextmanager
def in_an_empty_database(store: Store) -> Iterator[None]:
    """Undo what the block writes into the tables of jobs."""
    yield
    with store.database.writing() as conn:
        for table in (job_events, jobs):
            conn.execute(delete(table))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(JobState) | st.just("cancel"), max_size=12))
def test_no_sequence_of_writes_leaves_a_terminal_state_or_loses_a_cancellation(
    store: Store, writes: list[JobState | str]
) -> None:
    """Allowed transitions are written, others refused without a trace; a wish to cancel outlives every save."""
    with in_an_empty_database(store):
        add(store, job("j1"))
        state, cancel, events = JobState.QUEUED, False, 1
        for write in writes:
            if isinstance(write, JobState):
                legal = allowed(state, write)
                if legal:
                    # The leader's copy may be older than the wish to cancel: it knows nothing of it.
                    store.save(at(write), epoch=0, message="saved")
                    state = write
                else:
                    with pytest.raises(ValueError, match=f"may not go from {state} to {write}"):
                        store.save(at(write), epoch=0, message="saved")
            else:
                legal = state not in TERMINAL and not cancel
                store.request_cancel("j1", "cancelled", NOW)
                cancel = cancel or legal
            events += legal

            found = store.job("j1")
            assert found is not None
            assert (found.state, found.cancel_requested, len(store.events("j1"))) == (state, cancel, events)
            assert [each.id for each in store.live_jobs()] == ([] if state in TERMINAL else ["j1"])


def test_a_leader_can_neither_set_nor_clear_a_wish_to_cancel(database: str) -> None:
    """The flag belongs to those who ask; the leader only reads it."""
    with opened(database) as store:
        add(store, job("j1"), job("j2", vmid=101))
        store.save(at(JobState.PREFLIGHT, cancel_requested=True), epoch=0, message=None)
        store.request_cancel("j2", "m", NOW)
        store.save(replace(at(JobState.PREFLIGHT), id="j2", vmid=101), epoch=0, message=None)

        assert {each.id: each.cancel_requested for each in store.jobs()} == {"j1": False, "j2": True}


def test_a_wish_to_cancel_that_came_first_forbids_the_request(database: str) -> None:
    """Making ready to ask for the migration and the wish to cancel are put in one order by the store."""
    ready = replace(at(JobState.MIGRATING), checkpoint=Checkpoint(known_upids=()))
    with opened(database) as store:
        add(store, job("j1"))
        store.save(at(JobState.PREFLIGHT), epoch=0, message=None)
        store.save(at(JobState.AWAITING_READY), epoch=0, message=None)
        store.save(at(JobState.MIGRATING), epoch=0, message=None)
        store.request_cancel("j1", "cancelled", NOW)

        with pytest.raises(CancelRequested, match="job j1"):
            store.save(ready, epoch=0, message="ready to ask")
        assert store.job("j1") == replace(
            at(JobState.MIGRATING, cancel_requested=True), updated_at=NOW, message="cancelled"
        )

        store.save(at(JobState.CANCELLED), epoch=0, message="cancelled")


def test_a_wish_to_cancel_that_came_after_leaves_the_request_alone(database: str) -> None:
    """Once it is written down that the migration may be asked for, the job is saved as ever."""
    ready = replace(at(JobState.MIGRATING), checkpoint=Checkpoint(known_upids=()))
    with opened(database) as store:
        add(store, job("j1"))
        for state in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING):
            store.save(at(state), epoch=0, message=None)
        store.save(ready, epoch=0, message=None)
        store.request_cancel("j1", "cancelled", NOW)

        store.save(replace(ready, checkpoint=Checkpoint(known_upids=(), upid="UPID")), epoch=0, message=None)

        assert [each.cancel_requested for each in store.live_jobs()] == [True]


def test_an_older_epoch_writes_nothing(database: str) -> None:
    """Once another process leads, the former leader's writes are refused, whatever they are."""
    with opened(database) as store:
        add(store, job("j1"))
        first = store.next_epoch()
        store.save(at(JobState.PREFLIGHT), epoch=first, message="first leads")
        second = store.next_epoch()

        with pytest.raises(LeadershipLost, match=rf"epoch {second}, ours was {first}\): job j1 is its now"):
            store.save(at(JobState.WAKING), epoch=first, message="still think so")

        assert second == first + 1
        assert store.job("j1") == at(JobState.PREFLIGHT)
        assert len(store.events("j1")) == 2
        store.save(at(JobState.WAKING), epoch=second, message="second leads")


def test_a_job_must_exist_to_be_saved(database: str) -> None:
    """A save never creates: that is the intake's, with its decision."""
    with opened(database) as store, pytest.raises(ValueError, match="job j1 is not in the database"):
        store.save(at(JobState.PREFLIGHT), epoch=0, message=None)


@pytest.mark.parametrize(
    ("contradiction", "words"),
    [
        (replace(at(JobState.WAKING), finished_at=NOW), "finished_at must be set exactly when a job is over"),
        (replace(at(JobState.SUCCEEDED), finished_at=None), "finished_at must be set exactly when a job is over"),
        (replace(at(JobState.WAKING), failure=Failure.NEVER_WOKE), "failure must be set exactly when a job failed"),
        (replace(at(JobState.FAILED), failure=None), "failure must be set exactly when a job failed"),
    ],
)
def test_contradicting_fields_are_refused(database: str, contradiction: Job, words: str) -> None:
    """Queries lean on the end of a job being set exactly when it is over, and its failure when it failed."""
    with opened(database) as store:
        with pytest.raises(ValueError, match=words):
            add(store, contradiction)
        add(store, job("j1"))
        with pytest.raises(ValueError, match=words):
            store.save(contradiction, epoch=0, message=None)

        assert store.jobs() == [job("j1")]
