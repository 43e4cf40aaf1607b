"""What the store remembers, and in what order it tells it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.errors import GuestInFlight
from actuator.policy.cluster import History
from actuator.policy.jobs import Checkpoint, Failure, JobState, MoveWatts
from actuator.policy.reasons import Reason
from tests.actuator.adapters.stores import add, episode, opened, quarantine
from tests.actuator.policy.samples import ANY_GUEST, NOW, ORDER, WAKE, job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.adapters.store import Store
    from actuator.policy.jobs import Job


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A new store."""
    with opened(database) as opened_store:
        yield opened_store


def moved(job_id: str, vmid: int, ended: float, state: JobState = JobState.SUCCEEDED, **changes: object) -> list[Job]:
    """A job's life through ``migrating`` to its end, as its leader would save it."""
    begun = job(job_id, replace(ORDER, vmid=vmid))
    failure = Failure.MIGRATION_FAILED if state is JobState.FAILED else None
    over = replace(begun, state=state, failure=failure, updated_at=ended, finished_at=ended, **changes)  # type: ignore[arg-type]
    steps = [JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING]
    if state is JobState.SUCCEEDED:
        steps.append(JobState.VERIFYING)
    return [begun, *(replace(begun, state=step) for step in steps), over]


def live_through(store: Store, life: list[Job]) -> None:
    """Add a job and save each of its later states."""
    add(store, life[0])
    for each in life[1:]:
        store.save(each, epoch=0, message=f"now {each.state}")


def test_an_empty_store_remembers_nothing(store: Store) -> None:
    """Every look at a new database answers, with nothing."""
    assert store.history(NOW) == History()
    assert (store.jobs(), store.live_jobs(), store.episodes(), store.paused()) == ([], [], [], None)
    assert (store.job("nobody"), store.events("nobody")) == (None, [])


def test_counts_name_every_state_and_cause(store: Store) -> None:
    """A metric shows 0, not nothing, for what has not happened yet."""
    add(store, job("a"), job("b", ANY_GUEST))
    live_through(store, moved("c", 101, NOW, JobState.FAILED))

    assert store.counts() == dict.fromkeys(JobState, 0) | {JobState.QUEUED: 2, JobState.FAILED: 1}
    assert store.failure_counts() == dict.fromkeys(Failure, 0) | {Failure.MIGRATION_FAILED: 1}


def test_jobs_are_listed_newest_first_and_live_ones_oldest_first(store: Store) -> None:
    """A person looks at the newest; the runner serves the oldest first; equal times keep the order of arrival."""
    add(store, *(job(name, ANY_GUEST) for name in "dbca"))
    store.save(job("c", ANY_GUEST, state=JobState.PREFLIGHT), epoch=0, message=None)

    assert [each.id for each in store.jobs()] == ["a", "c", "b", "d"]
    assert [each.id for each in store.jobs(limit=2)] == ["a", "c"]
    assert [each.id for each in store.jobs(states={JobState.PREFLIGHT, JobState.FAILED})] == ["c"]
    assert [each.id for each in store.live_jobs()] == ["d", "b", "c", "a"]


def test_events_come_in_order_and_from_where_a_reader_stopped(store: Store) -> None:
    """A reader that asks for what came after its last event misses nothing and sees nothing twice."""
    add(store, job("a"), job("b", ANY_GUEST))
    for number, message in enumerate(["first", None, "second"]):
        life = job("a", state=JobState.PREFLIGHT, updated_at=NOW + number)
        store.save(life, epoch=0, message=message, detail={"upid": f"UPID:{number}", "stages": ["member"]})

    told = store.events("a")

    assert [each.message for each in told] == ["begun", "first", "second"]
    assert [each.id for each in told] == sorted(each.id for each in told)
    assert (told[2].job_id, told[2].at, told[2].state) == ("a", NOW + 2, JobState.PREFLIGHT)
    assert told[2].detail == {"upid": "UPID:2", "stages": ["member"]}
    assert store.events("a", after=told[0].id) == told[1:]
    assert store.events("a", limit=1) == told[:1]


def test_an_episode_is_found_by_its_identity_and_updated(store: Store) -> None:
    """Fingerprint and start are the identity, to the microsecond; an update replaces, it does not add."""
    seen = episode()
    with store.intake() as tx:
        assert tx.episode("f00d", seen.starts_at) is None
        tx.put_episode(seen)
        assert tx.episode("f00d", seen.starts_at) == seen
        tx.put_episode(replace(seen, last_seen_at=NOW + 9, resolved_at=NOW + 9, reason=Reason.COOLDOWN, message="m"))
        tx.put_episode(episode("e2", starts_at=NOW, last_seen_at=NOW + 1))

    assert [each.id for each in store.episodes()] == ["e1", "e2"]
    assert [each.id for each in store.episodes(limit=1)] == ["e1"]
    with store.intake() as tx:
        found = tx.episode("f00d", seen.starts_at)
    assert found == replace(seen, last_seen_at=NOW + 9, resolved_at=NOW + 9, reason=Reason.COOLDOWN, message="m")


def test_one_live_job_per_guest_and_the_transaction_goes_on(store: Store) -> None:
    """The second job of a guest is refused without harm to the rest of its webhook body."""
    with store.intake() as tx:
        tx.put_episode(episode())
        tx.add_job(job("a"), "begun")
        with pytest.raises(GuestInFlight) as refused:
            tx.add_job(job("b"), "begun")
        tx.add_job(job("c", replace(ORDER, vmid=101)), "begun")

    assert refused.value.vmid == 100
    assert {each.id for each in store.jobs()} == {"a", "c"}
    assert store.events("b") == []
    assert len(store.episodes()) == 1


def test_a_guest_is_free_again_when_its_job_is_over(store: Store) -> None:
    """Only live jobs occupy a guest; dry runs and wakes never do."""
    live_through(store, moved("a", 100, NOW))
    add(store, job("b"), job("d", replace(ORDER, dry_run=True)), job("e", replace(ORDER, dry_run=True)))
    add(store, job("w", WAKE), job("x", WAKE))

    assert len(store.live_jobs()) == 5


def test_a_guest_chosen_later_is_guarded_too(store: Store) -> None:
    """Two jobs that choose the same guest at the same time do not both get it; the loser is left as it was."""
    add(store, job("a", ANY_GUEST), job("b", ANY_GUEST))
    store.save(job("a", ANY_GUEST, state=JobState.PREFLIGHT, vmid=100), epoch=0, message=None)

    with pytest.raises(GuestInFlight):
        store.save(job("b", ANY_GUEST, state=JobState.PREFLIGHT, vmid=100), epoch=0, message="chosen")

    assert store.job("b") == job("b", ANY_GUEST)
    assert len(store.events("b")) == 1


def test_history_tells_the_moves_of_each_guest(store: Store) -> None:
    """Rest and daily limit count migrations that ended, however they ended, and nothing else."""
    day = 86400
    live_through(store, moved("a", 100, NOW - day - 1))
    live_through(store, moved("b", 100, NOW - 500, JobState.FAILED))
    live_through(store, moved("c", 100, NOW - 900))
    live_through(store, moved("d", 101, NOW - day - 1))
    live_through(store, moved("e", 102, NOW - 5, JobState.SKIPPED, reason=Reason.GUEST_LOCKED))
    live_through(store, moved("f", 103, NOW)[:4])
    add(store, job("g", replace(ORDER, vmid=104)))
    store.save(
        job("g", replace(ORDER, vmid=104), state=JobState.FAILED, failure=Failure.NEVER_WOKE, finished_at=NOW),
        epoch=0,
        message=None,
    )

    history = store.history(NOW)

    assert history.last_moved_at == {100: NOW - 500, 101: NOW - day - 1}
    assert history.moves_last_day == {100: 2}


def test_history_tells_the_failures_since_the_last_success(store: Store) -> None:
    """The breaker counts failures in a row, oldest first; a success or the operator's resume ends the row."""
    for name, ended, state in [
        ("a", 10, JobState.FAILED),
        ("b", 20, JobState.SUCCEEDED),
        ("d", 40, JobState.FAILED),
        ("c", 30, JobState.FAILED),
        ("e", 50, JobState.SKIPPED),
    ]:
        live_through(store, moved(name, 100, NOW + ended, state))

    assert store.history(NOW).recent_failures == (NOW + 30, NOW + 40)

    store.resume(NOW + 35)
    assert store.history(NOW).recent_failures == (NOW + 40,)


def test_history_tells_the_episodes_jobs(store: Store) -> None:
    """What was declined for a passing cause is not counted: it may be tried again; observing and cancelling are.

    What was cancelled is not counted either once the alert was over: it may begin anew when it fires again.
    """
    with store.intake() as tx:
        tx.put_episode(episode())
        tx.put_episode(episode("e2", starts_at=NOW))
        over = job("a", state=JobState.SKIPPED, reason=Reason.GUEST_LOCKED, episode_id="e1", finished_at=NOW)
        tx.add_job(over, "m")
        tx.add_job(replace(over, id="b", reason=Reason.OBSERVE_ONLY), "m")
        tx.add_job(replace(over, id="c", state=JobState.CANCELLED), "m")
        history = tx.history(NOW, "e1")
        assert (history.episode_jobs, history.episode_live) == (2, False)
        tx.put_episode(replace(episode(), resolved_at=NOW))
        history = tx.history(NOW, "e1")
        assert (history.episode_jobs, history.episode_live) == (1, False)
        tx.add_job(job("d", episode_id="e1"), "m")

        history = tx.history(NOW, "e1")
        assert (history.episode_jobs, history.episode_live) == (2, True)
        other = tx.history(NOW, "e2")
        assert (other.episode_jobs, other.episode_live) == (0, False)
        assert [each.id for each in other.live_jobs] == ["d"]


def test_a_look_at_the_watts_that_is_due_still_is_found(store: Store) -> None:
    """Only of a move that had succeeded by then, and only until the look is taken or given up."""
    due = Checkpoint(watts=MoveWatts(84.5, 20.0, due_at=NOW + 90))
    taken = Checkpoint(watts=MoveWatts(84.5, 20.0, 31.0, 61.5, measured_at=NOW + 90))
    for job_id, vmid, ended, checkpoint in (
        ("due", 101, NOW, due),
        ("later", 102, NOW + 1, due),
        ("taken", 103, NOW, taken),
        ("none", 104, NOW, Checkpoint()),
    ):
        live_through(store, moved(job_id, vmid, ended, checkpoint=checkpoint))
    [found] = store.unmeasured_until(NOW)
    assert (found.id, found.checkpoint.watts) == ("due", due.watts)

    given_up = replace(found, checkpoint=replace(due, watts=replace(due.watts, due_at=None)))  # type: ignore[type-var]
    store.complete_report(given_up, epoch=0, message="Given up.", detail={})
    assert store.unmeasured_until(NOW) == []


def test_pause_and_resume_survive_the_process(database: str) -> None:
    """The kill switch stays where it was put, whatever is restarted."""
    with opened(database) as store:
        store.pause("rack work", NOW)
    with opened(database) as store:
        assert (store.paused(), store.history(NOW).paused) == ("rack work", "rack work")
        store.resume(NOW)
        assert (store.paused(), store.history(NOW).paused) == (None, None)


def test_quarantine_lasts_until_it_is_cleared(store: Store) -> None:
    """The newest cause counts; clearing tells whether there was anything to clear; a node may fail again."""
    quarantine(store, "pve", "first", NOW)
    quarantine(store, "pve", "second", NOW + 1)
    assert store.history(NOW).quarantined == {"pve": "second"}

    assert [store.clear_quarantine("pve", NOW), store.clear_quarantine("pve", NOW)] == [True, False]
    assert store.history(NOW).quarantined == {}

    quarantine(store, "pve", "third", NOW + 2)
    assert store.history(NOW).quarantined == {"pve": "third"}


def test_cancelling_is_told_once_and_only_to_live_jobs(store: Store) -> None:
    """A wish to cancel is kept with its sentence; repeating it adds nothing; what is over stays as it is."""
    live_through(store, moved("a", 101, NOW))
    add(store, job("b"))

    asked = store.request_cancel("b", "asked by ops", NOW + 1)
    again = store.request_cancel("b", "asked by ops", NOW + 2)

    assert asked == again == job("b", cancel_requested=True, message="asked by ops", updated_at=NOW + 1)
    assert [(each.message, each.at) for each in store.events("b")] == [("begun", NOW), ("asked by ops", NOW + 1)]
    assert store.request_cancel("a", "too late", NOW + 1) == moved("a", 101, NOW)[-1]
    assert store.request_cancel("nobody", "m", NOW) is None


def test_a_resolved_alert_cancels_only_what_has_not_asked_for_its_migration(store: Store) -> None:
    """Resolved never interrupts a migration that may have been asked for, another episode's job, nor what is over."""
    with store.intake() as tx:
        tx.put_episode(episode())
        tx.put_episode(episode("e2", starts_at=NOW))
    states = [state for state in JobState if state not in {JobState.SUCCEEDED, JobState.FAILED}]
    for number, state in enumerate(states):
        ended = NOW if state in {JobState.SKIPPED, JobState.CANCELLED} else None
        order = replace(ORDER, vmid=100 + number)
        add(store, job(state.value, order, state=state, episode_id="e1", finished_at=ended))
    asking = Checkpoint(known_upids=())
    add(store, job("asking", replace(ORDER, vmid=199), state=JobState.MIGRATING, episode_id="e1", checkpoint=asking))
    add(store, job("other", replace(ORDER, vmid=200), episode_id="e2"))

    with store.intake() as tx:
        asked = tx.cancel_unstarted("e1", "The alert resolved.", NOW + 1)
        again = tx.cancel_unstarted("e1", "The alert resolved.", NOW + 2)

    assert asked == ["queued", "preflight", "waking", "awaiting_ready", "migrating"]
    assert again == []
    assert {each.id for each in store.jobs() if each.cancel_requested} == set(asked)
    assert store.events("waking")[-1].message == "The alert resolved."
