"""A job's history as it happens."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actuator.auth import Tokens
from actuator.policy.jobs import Failure, JobState
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import TOKEN, World, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextmanager
def opened(address: tuple[str, int], job_id: str) -> Iterator[http.client.HTTPResponse]:
    """The stream of a job's events, as it comes over the network."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", f"/api/v1/jobs/{job_id}/events", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def messages(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    """The id and the content of each server-sent event."""
    identity = 0
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            identity = int(value)
        elif field == "data":
            yield identity, json.loads(value)


def test_tells_all_and_ends(world: World) -> None:
    """The stream of a job that has ended is its whole history, and then its end."""
    job_id = begin(world)["id"]
    world.lead(job_id, JobState.PREFLIGHT)
    world.lead(job_id, JobState.FAILED, failure=Failure.INTERNAL)
    with world.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as answer:
        told = list(messages(answer.iter_lines()))

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [content["state"] for _, content in told] == ["queued", "preflight", "failed"]
    assert [identity for identity, _ in told] == [event.id for event in world.store.events(job_id)]


def test_follows_a_job_to_its_end(world: World) -> None:
    """Each thing is told when it happens, not at the end, and the stream ends with the job."""
    job_id = begin(world)["id"]
    with served(world) as address, opened(address, job_id) as answer:
        told = messages(line.decode().rstrip() for line in answer)

        assert next(told)[1]["state"] == "queued"
        for state in (JobState.PREFLIGHT, JobState.AWAITING_READY):
            world.lead(job_id, state)

            assert next(told)[1]["state"] == state
        world.lead(job_id, JobState.FAILED, failure=Failure.NEVER_READY)

        assert [content["state"] for _, content in told] == ["failed"]


def test_a_reader_that_hangs_up(world: World) -> None:
    """A reader that leaves in the middle harms nobody: the next one is told everything."""
    job_id = begin(world)["id"]
    with served(world) as address:
        with opened(address, job_id) as answer:
            answer.readline()
        world.lead(job_id, JobState.FAILED, failure=Failure.INTERNAL)
        with opened(address, job_id) as answer:
            told = [content["state"] for _, content in messages(line.decode().rstrip() for line in answer)]

    assert told == ["queued", "failed"]


def test_a_stream_ends_when_the_database_fails(world: World) -> None:
    """When the database fails under a stream, the stream ends, so that its reader comes back and resumes."""
    job_id = begin(world)["id"]
    with served(world) as address, opened(address, job_id) as answer:
        told = messages(line.decode().rstrip() for line in answer)
        next(told)
        world.break_database()

        assert list(told) == []


def test_a_stream_ends_when_the_tokens_change(world: World) -> None:
    """Whoever was let in before a reload has to come back with a token that is good still, and goes on from there."""
    job_id = begin(world)["id"]
    with served(world) as address, opened(address, job_id) as answer:
        told = messages(line.decode().rstrip() for line in answer)
        assert next(told)[1]["state"] == "queued"

        world.gate.tokens = Tokens(())

        assert list(told) == []
        with opened(address, job_id) as refused:
            assert refused.status == 401


def test_resumes_after_the_last_event(world: World) -> None:
    """A reader that lost its connection begins after the last event that it saw."""
    job_id = begin(world)["id"]
    world.lead(job_id, JobState.FAILED, failure=Failure.INTERNAL)
    seen = world.store.events(job_id)[0].id
    answer = world.client.get(f"/api/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(seen)})

    assert [content["state"] for _, content in messages(answer.text.splitlines())] == ["failed"]


def test_nothing_left_to_tell(world: World) -> None:
    """A reader that has seen the end is told to stop asking."""
    job_id = begin(world)["id"]
    world.lead(job_id, JobState.FAILED, failure=Failure.INTERNAL)
    seen = world.store.events(job_id)[-1].id
    answer = world.client.get(f"/api/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(seen)})

    assert answer.status_code == 204


def test_wrong_last_event(world: World) -> None:
    """An id that no event can have is 422."""
    job_id = begin(world)["id"]
    for value in ("x", "-1", str(10**30)):
        answer = world.client.get(f"/api/v1/jobs/{job_id}/events", headers={"Last-Event-ID": value})

        assert answer.status_code == 422, value
