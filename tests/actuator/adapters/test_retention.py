"""What is old is deleted, on both databases, and what still decides something is not."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import pytest

from actuator.adapters import retention
from actuator.adapters.retention import Deleted
from actuator.errors import LeadershipLost
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.jobs import Failure, JobState
from actuator.workflow.housekeeping import Housekeeping
from tests.actuator.adapters.stores import add, episode, opened
from tests.actuator.policy.samples import NOW, WAKE, job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.adapters.store import Store
    from actuator.policy.jobs import Job

DAY = 86_400.0


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A new store."""
    with opened(database) as opened_store:
        yield opened_store


def over(job_id: str, days_ago: float, state: JobState = JobState.SKIPPED, episode_id: str | None = None) -> Job:
    """A job that ended so long ago."""
    at = NOW - days_ago * DAY
    failure = Failure.NEVER_WOKE if state is JobState.FAILED else None
    changes = {"state": state, "failure": failure, "finished_at": at, "episode_id": episode_id}
    return replace(job(job_id, WAKE), created_at=at, updated_at=at, **changes)  # type: ignore[arg-type]  # as named


def keeping(store: Store, days: int = 30) -> Housekeeping:
    """What deletes what is older."""
    return Housekeeping(store, lambda: 0, lambda: days, lambda: NOW, breath=0)


def test_what_is_over_for_long_goes(store: Store) -> None:
    """Old jobs with their histories, their alerts and lines of the audit; what is younger stays, readable as before."""
    with store.intake() as intake:
        intake.put_episode(episode("old", fingerprint="a", last_seen_at=NOW - 31 * DAY))
        intake.put_episode(episode("young", fingerprint="b", last_seen_at=NOW - 29 * DAY))
    add(store, over("a", 31, episode_id="old"), over("b", 31, JobState.FAILED), over("c", 29, episode_id="young"))
    store.record(*(AuditEntry(NOW - ago * DAY, AuditEvent.RELOADED, "x", str(ago)) for ago in (40, 31, 29)))

    assert keeping(store).round() == Deleted(jobs=2, episodes=1, lines=2)
    assert [each.id for each in store.jobs()] == ["c"]
    assert [each.id for each in store.episodes()] == ["young"]
    assert (store.events("a"), len(store.events("c"))) == ([], 1)
    assert [line.message for line in store.audit(0, inf)] == ["29", "begun"]
    assert keeping(store).round() == Deleted()


def test_what_still_decides_something_stays(store: Store) -> None:
    """A job with work left, however old, and one whose alert was heard of since: its limit counts that job."""
    with store.intake() as intake:
        intake.put_episode(episode("fires", starts_at=NOW - 99 * DAY, last_seen_at=NOW - 60))
    add(store, replace(job("live", WAKE), updated_at=NOW - 99 * DAY), over("counted", 99, JobState.SUCCEEDED, "fires"))

    assert keeping(store).round() == Deleted()
    assert store.history(NOW, "fires").episode_jobs == 1
    assert {each.id for each in store.jobs()} == {"live", "counted"}


def test_an_alert_about_a_failed_job_is_not_silenced(store: Store) -> None:
    """The rule compares the number of failed jobs with that of an hour ago, so none is deleted while one is new.

    Where jobs fail all day long the others are deleted all the same.
    """
    add(store, over("old", 99, JobState.FAILED), over("new", 0.01, JobState.FAILED), over("other", 99))
    assert keeping(store).round() == Deleted(jobs=1)
    assert {each.id for each in store.jobs()} == {"old", "new"}

    later = Housekeeping(store, lambda: 0, lambda: 30, lambda: NOW + 7200, breath=0)
    assert later.round() == Deleted(jobs=1)


def test_it_goes_on_in_portions(store: Store) -> None:
    """More than a transaction's worth is deleted in the same round, each portion in a transaction of its own."""
    add(store, *(over(f"j{number}", 99) for number in range(retention._AT_ONCE + 1)))
    store.record(
        *(AuditEntry(NOW - 99 * DAY, AuditEvent.RELOADED, "x", "") for _ in range(retention._LINES_AT_ONCE + 1))
    )

    assert store.delete_some(NOW - 30 * DAY, NOW, epoch=0) == Deleted(retention._AT_ONCE, 0, retention._LINES_AT_ONCE)
    assert keeping(store).round() == Deleted(jobs=1, lines=1)


def test_only_the_leader_deletes(store: Store) -> None:
    """A standby does nothing, and one that has lost the lead without noticing neither."""
    add(store, over("a", 99))
    assert Housekeeping(store, lambda: None, lambda: 30, lambda: NOW).round() == Deleted()

    store.next_epoch()
    with pytest.raises(LeadershipLost):
        keeping(store).round()
    assert [each.id for each in store.jobs()] == ["a"]
