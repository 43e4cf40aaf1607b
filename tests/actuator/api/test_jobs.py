"""Jobs by hand: ordered, listed, looked at, cancelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actuator.policy.jobs import Checkpoint, Failure, JobState, Outcome, Progress

if TYPE_CHECKING:
    from tests.actuator.api.world import World

MOVE = {"action": "migrate", "node": "pve2", "vmid": 100, "target_node": "pve"}


def begin(world: World, **changes: object) -> Any:
    """Order a job by hand and return it as answered."""
    answer = world.client.post("/api/v1/jobs", json=MOVE | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["job"]


def test_order_by_hand(world: World) -> None:
    """An order by hand is a job at once, marked with who gave it, and the runner hears of it."""
    job = begin(world)

    assert (job["state"], job["reason"], job["vmid"]) == ("queued", "accepted", 100)
    assert job["order"]["requested_by"] == "alertmanager"
    assert job["created_at"] == "2026-11-22T16:20:27Z"
    assert job["finished_at"] is None
    assert world.bell.rung == 1


def test_decided_against(world: World) -> None:
    """An order that is decided against at once is 409, with the reason's name and its sentence."""
    begin(world)
    answer = world.client.post("/api/v1/jobs", json=MOVE)

    assert answer.status_code == 409
    assert answer.json()["reason"] == "in_flight"
    assert "100" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({**MOVE, "force": True}, "force: Extra inputs are not permitted"),
        ({**MOVE, "vmid": "100"}, "vmid"),
        ({**MOVE, "vmid": 99}, "greater than or equal to 100"),
        ({**MOVE, "vmid": 10**9}, "less than or equal to 999999999"),
        ({**MOVE, "vmid": 10**400}, "vmid"),
        ({**MOVE, "vmid": True}, "vmid"),
        ({**MOVE, "node": "../etc"}, "node"),
        ({**MOVE, "action": "explode"}, "expected 'migrate' or 'wake'"),
        ({**MOVE, "dry_run": "no"}, "dry_run"),
        ({"action": "migrate"}, "give 'vmid'"),
        ({"action": "wake"}, "name it as 'node'"),
        ({"action": "wake", "node": "pve", "vmid": 100}, "takes no 'vmid'"),
        ([], "expected an object"),
    ],
)
def test_wrong_fields(world: World, body: object, says: str) -> None:
    """A field that is wrong is 422, and the sentence names it."""
    answer = world.client.post("/api/v1/jobs", json=body)

    assert answer.status_code == 422
    assert says in answer.json()["message"]
    assert world.store.jobs() == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from([*MOVE, "dry_run"]) | st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["pve", "pve2", "wake"]),
    )
)
def test_any_order_is_answered(world: World, body: object) -> None:
    """Whatever is ordered is taken, decided against or refused, never a crash."""
    answer = world.client.post("/api/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert answer.status_code in {202, 409, 422}


def test_list(world: World) -> None:
    """Jobs are listed newest first, by state when asked, and not more than asked."""
    first, second = begin(world), begin(world, vmid=101, node="pve3")
    world.lead(first["id"], JobState.PREFLIGHT)

    def ids(query: str) -> list[str]:
        return [job["id"] for job in world.client.get(f"/api/v1/jobs{query}").json()["jobs"]]

    assert ids("") == [second["id"], first["id"]]
    assert ids("?limit=1") == [second["id"]]
    assert ids("?state=preflight") == [first["id"]]
    assert ids("?state=preflight&state=queued") == [second["id"], first["id"]]
    assert ids("?state=failed") == []


@pytest.mark.parametrize("query", ["state=dancing", "limit=0", "limit=501", "limit=x", f"limit={10**30}"])
def test_wrong_parameters(world: World, query: str) -> None:
    """A parameter out of its range is 422 in the common shape."""
    answer = world.client.get(f"/api/v1/jobs?{query}")

    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["message"]


def test_show(world: World) -> None:
    """A job shows its history, why it failed, where the guest is, how far it came and what it cost."""
    job_id = begin(world)["id"]
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING):
        world.lead(job_id, state)
    world.lead(
        job_id,
        JobState.FAILED,
        failure=Failure.MIGRATION_FAILED,
        guest_node="pve2",
        message="The guest stayed on pve2.",
        checkpoint=Checkpoint(upid="UPID:pve2:1:", progress=Progress(5, 10), outcome=Outcome(downtime_seconds=0.04)),
    )
    job = world.client.get(f"/api/v1/jobs/{job_id}").json()

    assert (job["state"], job["failure"], job["guest_node"]) == ("failed", "migration_failed", "pve2")
    assert job["episode"] is None
    assert job["upid"] == "UPID:pve2:1:"
    assert job["progress"] == {"transferred_bytes": 5, "total_bytes": 10, "bytes_per_second": None}
    assert job["outcome"] == {"downtime_seconds": 0.04, "duration_seconds": None, "transferred_bytes": None}
    states = [event["state"] for event in job["events"]]
    assert states == ["queued", "preflight", "awaiting_ready", "migrating", "failed"]
    assert [event["id"] for event in job["events"]] == sorted(event["id"] for event in job["events"])


@pytest.mark.parametrize("job_id", ["nothing", "%00", "%ff", "' OR 1=1 --", "x" * 5000])
def test_unknown_job(world: World, job_id: str) -> None:
    """A job that does not exist is 404, and the sentence says where to find those that do."""
    answers = [
        world.client.get(f"/api/v1/jobs/{job_id}"),
        world.client.post(f"/api/v1/jobs/{job_id}/cancel"),
        world.client.get(f"/api/v1/jobs/{job_id}/events"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert all("GET /api/v1/jobs" in answer.json()["message"] for answer in answers)


def test_cancel(world: World) -> None:
    """A job that has not asked for its migration is asked to stop, in its history by the caller's name."""
    job_id = begin(world)["id"]
    answer = world.client.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 202
    assert answer.json()["job"]["cancel_requested"] is True
    assert "alertmanager" in world.store.events(job_id)[-1].message
    assert world.bell.rung == 2


def test_cancel_twice(world: World) -> None:
    """To cancel again changes nothing."""
    job_id = begin(world)["id"]
    for _ in range(2):
        answer = world.client.post(f"/api/v1/jobs/{job_id}/cancel")

        assert answer.status_code == 202
    assert len(world.store.events(job_id)) == 2


@pytest.mark.parametrize("state", [JobState.MIGRATING, JobState.VERIFYING])
def test_cancel_too_late(world: World, state: JobState) -> None:
    """A migration that was asked for is not interrupted, and the sentence says so."""
    job_id = begin(world)["id"]
    for step in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING):
        world.lead(job_id, step)
    world.lead(job_id, state, checkpoint=Checkpoint(known_upids=()))
    answer = world.client.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 409
    assert "never interrupted" in answer.json()["message"]
    assert not world.store.live_jobs()[0].cancel_requested


def test_cancel_just_in_time(world: World) -> None:
    """A job that is about to ask for its migration, and has not yet, can still be cancelled."""
    job_id = begin(world)["id"]
    for step in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING):
        world.lead(job_id, step)

    assert world.client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 202


def test_cancel_what_has_ended(world: World) -> None:
    """A job that has ended cannot be cancelled, and the sentence says how it ended."""
    job_id = begin(world)["id"]
    world.lead(job_id, JobState.FAILED, failure=Failure.INTERNAL)
    answer = world.client.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 409
    assert "failed" in answer.json()["message"]


def test_wake(world: World) -> None:
    """A node is woken by hand by naming it."""
    answer = world.client.post("/api/v1/jobs", json={"action": "wake", "node": "pve"})

    assert answer.status_code == 202
    assert answer.json()["job"]["target"] == "pve"
