"""What a page asks of the store again and again: few rows, however many there are."""

from __future__ import annotations

from dataclasses import replace

from actuator.policy.jobs import JobState
from tests.actuator.adapters.stores import add, opened
from tests.actuator.policy import samples


def test_what_is_over_and_what_lives(database: str) -> None:
    """Jobs that are over come newest first, as many as asked for; those with work left are counted."""
    with opened(database) as store:
        epoch = store.next_epoch()
        add(store, *(samples.job(f"j{number}", replace(samples.ORDER, vmid=100 + number)) for number in range(5)))
        for job in store.jobs()[2:]:
            store.save(
                replace(job, state=JobState.CANCELLED, finished_at=samples.NOW), epoch=epoch, message="It is over."
            )

        assert [job.id for job in store.ended_jobs(2)] == ["j2", "j1"]

        assert [job.id for job in store.ended_jobs(10)] == ["j2", "j1", "j0"]

        assert store.live_count() == 2
