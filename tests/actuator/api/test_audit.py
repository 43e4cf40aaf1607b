"""The audit and its export."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from actuator.adapters import audit as reading
from actuator.api.audit import AuditLine
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.jobs import Failure, JobState
from tests.actuator.adapters.older import to_first_release
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import ALERT_TOKEN, OPERATE_TOKEN, READ_TOKEN, recorded

if TYPE_CHECKING:
    from tests.actuator.api.world import World


JSON = {"Content-Type": "application/json"}


def exported(world: World, **bounds: str) -> list[dict[str, Any]]:
    """The lines of an export."""
    answer = world.client.get("/api/v1/audit", params=bounds)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def shown(at: float) -> str:
    """A time as a caller writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def test_an_alert_from_its_arrival_to_its_end(world: World) -> None:
    """Who posted it, what was decided, every step of its job with its time, and how it ended, in this order."""
    job_id = world.post_alerts(recorded("firing-single")).json()["alerts"][0]["job_id"]
    began = world.now
    for seconds, state in enumerate((JobState.PREFLIGHT, JobState.WAKING), start=1):
        world.now = began + seconds
        world.lead(job_id, state)
    world.now = began + 3
    world.lead(job_id, JobState.FAILED, failure=Failure.NEVER_WOKE)
    lines = exported(world)

    assert [(line["event"], line["state"], line["failure"]) for line in lines] == [
        ("alert_decided", None, None),
        ("job", "queued", None),
        ("job", "preflight", None),
        ("job", "waking", None),
        ("job", "failed", "never_woke"),
    ]
    assert {line["requested_by"] for line in lines} == {"alertmanager"}
    assert {line["job_id"] for line in lines} == {job_id}
    assert (lines[0]["reason"], lines[0]["alertname"] is None, lines[0]["vmid"]) == ("accepted", False, 100)
    times = [datetime.fromisoformat(line["at"]).timestamp() for line in lines]
    assert times == pytest.approx([began, began, began + 1, began + 2, began + 3])


def test_every_line_has_every_name(world: World) -> None:
    """A reader finds the same names in each line, so that a column stays a column."""
    begin(world)
    world.client.post("/api/v1/jobs", json={"vmid": 999})
    world.client.post("/api/v1/pause", json={"reason": "x"})

    assert {tuple(line) for line in exported(world)} == {tuple(AuditLine.model_fields)}


def test_what_was_refused_is_kept(world: World) -> None:
    """An order and an alert that were decided against leave their decision and who asked."""
    world.client.post("/api/v1/jobs", json={"vmid": 999, "dry_run": True})
    body = recorded("firing-single")
    body["alerts"][0]["labels"]["action"] = "dance"
    world.client.post("/api/v1/alerts", json=body, headers={"Authorization": f"Bearer {ALERT_TOKEN}"})
    order, alert = exported(world)

    assert (order["event"], order["reason"], order["vmid"]) == ("order_refused", "guest_not_allowed", 999)
    assert (order["requested_by"], order["dry_run"], alert["dry_run"]) == ("alertmanager", True, None)
    assert (alert["event"], alert["reason"], alert["requested_by"]) == (
        "alert_decided",
        "unknown_action",
        "only-alerts",
    )


@given(labels=st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=4), action=st.text(max_size=9))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_alert_can_be_told(world: World, labels: dict[str, str], action: str) -> None:
    """Whatever an alert says, its line is one line of JSON: nothing that is taken in makes the export fail."""
    body = recorded("firing-single")
    body["alerts"][0]["labels"] = {"alertname": "x"} | labels | {"action": action}
    answer = world.client.post("/api/v1/alerts", content=json.dumps(body).encode(), headers=JSON)

    assert answer.status_code in {202, 422}
    exported(world)


def test_repeats_are_no_news(world: World) -> None:
    """An alert that is decided as before leaves no line, however often it comes; its end leaves one."""
    body = recorded("firing-single")
    for _ in range(5):
        world.post_alerts(body)
    for alert in body["alerts"]:
        alert |= {"status": "resolved", "endsAt": "2026-11-22T20:00:00Z"}
    for _ in range(3):
        world.post_alerts(body)
    lines = [(line["event"], line["reason"]) for line in exported(world) if line["event"] != "job"]

    assert lines == [("alert_decided", "accepted"), ("alert_decided", "duplicate_episode"), ("alert_resolved", None)]


def test_operators_leave_their_names(world: World) -> None:
    """A pause, its end and a cancellation are told with the caller's name."""
    job = begin(world)
    world.client.post("/api/v1/pause", json={"reason": "maintenance"})
    world.client.post("/api/v1/resume")
    world.client.post(f"/api/v1/jobs/{job['id']}/cancel")
    lines = [line for line in exported(world) if line["state"] != "queued" or "Cancel" in line["message"]]

    assert [line["event"] for line in lines] == ["paused", "resumed", "job"]
    assert lines[0]["message"] == "Paused: maintenance"
    assert {line["requested_by"] for line in lines} == {"alertmanager"}
    assert lines[2]["message"] == "Cancel asked for by alertmanager."
    assert lines[2]["detail"] == {"cancel_requested": True}


def test_who_cancels_is_named_and_not_who_asked(world: World) -> None:
    """A job that Alertmanager began and a person cancels: each line has the one that it tells of."""
    poster = {"Authorization": f"Bearer {ALERT_TOKEN}"}
    answer = world.client.post("/api/v1/alerts", json=recorded("firing-single"), headers=poster)
    job_id = answer.json()["alerts"][0]["job_id"]
    person = {"Authorization": f"Bearer {OPERATE_TOKEN}"}
    assert world.client.post(f"/api/v1/jobs/{job_id}/cancel", headers=person).status_code == 202
    world.lead(job_id, JobState.CANCELLED)

    assert [(line["requested_by"], line["message"]) for line in exported(world) if line["event"] == "job"][1:] == [
        ("only-operates", "Cancel asked for by only-operates."),
        ("only-alerts", "now cancelled"),
    ]


def test_bounds(world: World) -> None:
    """An export has its beginning in it and its end not, so that one after the other tells each line once."""
    for seconds in range(3):
        world.store.record(AuditEntry(world.now + seconds, AuditEvent.RELOADED, "x", str(seconds)))

    def told(since: float, until: float) -> list[str]:
        return [line["message"] for line in exported(world, since=shown(since), until=shown(until))]

    assert told(world.now, world.now + 2) == ["0", "1"]
    assert told(world.now + 2, world.now + 9) == ["2"]
    assert exported(world, since=shown(world.now + 2))[0]["message"] == "2"
    assert exported(world, until=shown(world.now)) == []


@pytest.mark.parametrize("since", ["yesterday", "2026-11-25T00:00:00", "1"])
def test_a_bound_without_its_zone(world: World, since: str) -> None:
    """A time that could be any of a day's is refused."""
    answer = world.client.get("/api/v1/audit", params={"since": since})

    if since == "1":
        assert answer.status_code == 200  # a unix time has no zone to name
    else:
        assert answer.status_code == 422
        assert "since" in answer.json()["message"]


def test_more_than_a_page(world: World) -> None:
    """A long audit is read page by page, and nothing is told twice or left out, whichever table it comes from."""
    job_id = begin(world)["id"]
    entries = [AuditEntry(world.now + n, AuditEvent.RESUMED, "x", f"r{n}") for n in range(reading._PAGE * 2)]
    world.store.record(*entries)
    for n in range(3):
        world.now += n
        world.lead(job_id, JobState.QUEUED)
    lines = exported(world)
    times = [line["at"] for line in lines]

    assert len(lines) == 2 * reading._PAGE + 4
    assert len({(line["event"], line["message"], line["at"]) for line in lines}) == len(lines)
    assert times == sorted(times)


def test_who_may_read_it(world: World) -> None:
    """Whoever may look may export; Alertmanager may not."""
    client = TestClient(world.app)

    assert client.get("/api/v1/audit", headers={"Authorization": f"Bearer {READ_TOKEN}"}).status_code == 200
    assert client.get("/api/v1/audit", headers={"Authorization": f"Bearer {ALERT_TOKEN}"}).status_code == 403


def test_without_the_database(world: World) -> None:
    """An export that cannot begin is 503, not an empty one."""
    world.break_database()

    assert world.client.get("/api/v1/audit").status_code == 503


def test_a_database_without_the_audit_gets_it(world: World) -> None:
    """What the first release wrote is brought up, and its jobs are told with everything since."""
    begin(world)
    to_first_release(world.database)
    world.store.upgrade()
    world.now += 1
    world.client.post("/api/v1/resume")

    assert [line["event"] for line in exported(world)] == ["job", "resumed"]


def test_an_action_without_its_line_does_not_happen(world: World) -> None:
    """What an operator does and its line are written together: with no room for the line, nothing is paused."""
    entry = AuditEntry(world.now, AuditEvent.PAUSED, "x", "y", detail={"not": object()})
    with pytest.raises(TypeError):
        world.store.pause("why", world.now, entry)

    assert world.store.paused() is None
