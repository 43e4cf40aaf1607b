"""The webhook."""

from __future__ import annotations

import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from actuator.policy.jobs import Checkpoint, JobState
from actuator.policy.reasons import Reason
from tests.actuator.api.world import TOKEN, World, recorded

SANE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Sharing one database over the examples of a law is harmless: each law speaks of any database."""


def decisions(world: World) -> dict[str, float]:
    """Decisions counted so far, by reason."""
    families = text_string_to_metric_families(world.client.get("/metrics").text)
    return {
        sample.labels["reason"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "wattshift_decisions_total"
    }


def test_recorded_alert_becomes_a_job(world: World) -> None:
    """A body that a real Alertmanager sent is answered 202 and leaves an episode, a job and a word to the runner."""
    answer = world.post_alerts(recorded("firing-other-node"))

    assert answer.status_code == 202
    [verdict] = answer.json()["alerts"]
    assert verdict["reason"] == "accepted"
    assert verdict["fingerprint"] == "c909e90d37da209a"
    [job] = world.store.jobs()
    assert verdict["job_id"] == job.id
    assert (job.vmid, job.source, job.target) == (100, "pve2", "pve")
    assert job.order.requested_by == "alertmanager"
    assert job.state is JobState.QUEUED
    [episode] = world.store.episodes()
    assert episode.id == job.episode_id
    assert world.bell.rung == 1


def test_truncation_is_said_aloud(world: World) -> None:
    """Alerts that Alertmanager kept back are warned of, in the answer and in the log."""
    with structlog.testing.capture_logs() as lines:
        answer = world.post_alerts(recorded("firing-truncated-2-of-4"))

    assert "2 more alerts" in answer.json()["warning"]
    assert any(line["event"] == "alerts.truncated" and line["log_level"] == "warning" for line in lines)


def test_two_alerts_for_one_guest_are_one_job(world: World) -> None:
    """Of two alerts of a body that name the same guest, the second finds the job of the first in its way."""
    first, second = world.post_alerts(recorded("firing-truncated-2-of-4")).json()["alerts"]

    assert (first["reason"], second["reason"]) == ("accepted", "in_flight")
    assert second["job_id"] == first["job_id"]
    assert len(world.store.jobs()) == 1


def test_repeat_changes_nothing(world: World) -> None:
    """The same notification again, as from the other half of an Alertmanager pair, points at the job that there is."""
    first = world.post_alerts(recorded("firing-single")).json()["alerts"][0]
    world.now += 60
    again = world.post_alerts(recorded("firing-single")).json()["alerts"][0]

    assert again["reason"] == "duplicate_episode"
    assert again["job_id"] == first["job_id"]
    [episode] = world.store.episodes()
    assert episode.last_seen_at - episode.first_seen_at == 60


def test_fifty_at_once_are_one_job(world: World) -> None:
    """However many deliver the same notification at the same time, one job comes of it, and everybody is answered."""
    body = recorded("firing-single")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: world.post_alerts(body), range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(world.store.jobs()) == 1
    reasons = sorted(answer.json()["alerts"][0]["reason"] for answer in answers)
    assert reasons == ["accepted"] + ["duplicate_episode"] * 49


def test_resolved_cancels_what_has_not_started(world: World) -> None:
    """An alert that resolves before its job has begun cancels it, and its episode is over."""
    world.post_alerts(recorded("firing-other-node"))
    [verdict] = world.post_alerts(recorded("resolved")).json()["alerts"]

    [job] = world.store.jobs()
    assert job.cancel_requested
    assert verdict["reason"] is None
    assert verdict["job_id"] == job.id
    [episode] = world.store.episodes()
    assert episode.resolved_at == world.now


def test_a_job_shows_whether_its_alert_is_over(world: World) -> None:
    """The alert behind a job stands with it: still firing, and later resolved; an order by hand has none."""
    world.post_alerts(recorded("firing-other-node"))
    [job] = world.store.jobs()
    before = world.client.get(f"/api/v1/jobs/{job.id}").json()["episode"]
    world.post_alerts(recorded("resolved"))
    after = world.client.get(f"/api/v1/jobs/{job.id}").json()["episode"]

    assert (before["alertname"], before["resolved_at"]) == ("NodePowerHigh", None)
    assert after["resolved_at"] is not None
    assert after["id"] == before["id"] == job.episode_id


def test_what_was_cancelled_by_hand_stays_cancelled_while_the_alert_fires(world: World) -> None:
    """A person's word outlives Alertmanager's repeats; when the alert was over and fires again, it is a new case."""
    firing = recorded("firing-other-node")
    world.post_alerts(firing)
    [job] = world.store.jobs()
    world.lead(job.id, JobState.CANCELLED)

    [repeated] = world.post_alerts(firing).json()["alerts"]
    world.post_alerts(recorded("resolved"))
    [anew] = world.post_alerts(firing).json()["alerts"]

    assert repeated["reason"] == "duplicate_episode"
    assert anew["reason"] == "accepted"


def test_a_stale_alert_gets_no_fresher_by_repetition(world: World) -> None:
    """What was refused for its age is refused again when Alertmanager repeats it."""
    world.now += 86400
    reasons = [world.post_alerts(recorded("firing-single")).json()["alerts"][0]["reason"] for _ in range(2)]

    assert reasons == ["stale_alert", "stale_alert"]


def test_resolved_leaves_a_running_migration_alone(world: World) -> None:
    """A migration that was asked for goes on when its alert resolves."""
    job_id = world.post_alerts(recorded("firing-other-node")).json()["alerts"][0]["job_id"]
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.MIGRATING):
        world.lead(job_id, state)
    world.lead(job_id, JobState.MIGRATING, checkpoint=Checkpoint(known_upids=()))
    [verdict] = world.post_alerts(recorded("resolved")).json()["alerts"]

    assert "nothing to cancel" in verdict["message"]
    job = world.store.job(job_id)
    assert job is not None
    assert not job.cancel_requested


def test_resolved_but_never_heard_of(world: World) -> None:
    """A resolved alert whose firing never arrived is taken in without leaving anything behind."""
    answer = world.post_alerts(recorded("resolved"))

    assert answer.status_code == 202
    assert world.store.jobs() == []
    assert world.store.episodes() == []


def test_only_the_alerts_own_status_counts(world: World) -> None:
    """A resolved alert in a group that still fires begins nothing."""
    body = recorded("resolved")
    body["status"] = "firing"
    world.post_alerts(body)

    assert world.store.jobs() == []


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"vmid": "one hundred"}, Reason.GUEST_NOT_FOUND),
        ({"vmid": "999"}, Reason.GUEST_NOT_ALLOWED),
        ({"node": "pve99"}, Reason.UNKNOWN_NODE),
        ({"target_node": "pve99"}, Reason.UNKNOWN_TARGET),
        ({"action": "explode"}, Reason.UNKNOWN_ACTION),
    ],
)
def test_understood_but_unusable(world: World, labels: dict[str, str], reason: Reason) -> None:
    """An alert that cannot be obeyed is 202 with its reason (a 4xx would come back for ever), counted and logged."""
    body = recorded("firing-single")
    body["alerts"][0]["labels"] |= labels
    with structlog.testing.capture_logs() as lines:
        answer = world.post_alerts(body)

    assert answer.status_code == 202
    [verdict] = answer.json()["alerts"]
    assert verdict["reason"] == reason
    assert verdict["job_id"] is None
    assert world.store.jobs() == []
    assert decisions(world)[reason] == 1
    assert [line["reason"] for line in lines if line["event"] == "intake.decided"] == [reason]


def test_paused(world: World) -> None:
    """While paused nothing new begins, and the answer says who said so."""
    world.client.post("/api/v1/pause", json={"reason": "replacing a power supply"})
    [verdict] = world.post_alerts(recorded("firing-single")).json()["alerts"]

    assert verdict["reason"] == "paused"
    assert "replacing a power supply" in verdict["message"]


def test_one_bad_alert_spoils_nothing_else(world: World) -> None:
    """Beside an alert that cannot be obeyed, the others of the notification are obeyed."""
    body = recorded("firing-truncated-2-of-4")
    body["alerts"][0]["labels"]["vmid"] = "none"
    bad, good = world.post_alerts(body).json()["alerts"]

    assert (bad["reason"], good["reason"]) == ("guest_not_found", "accepted")


def _without(key: str) -> dict[str, Any]:
    body: dict[str, Any] = recorded("firing-single")
    del body["alerts"][0][key]
    return body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"version": "3", "alerts": []}, "version: expected '4'"),
        ({"alerts": []}, "version: Field required"),
        ({"version": "4"}, "alerts: Field required"),
        ([], "expected an object"),
        (_without("fingerprint"), "alerts.0.fingerprint: Field required"),
        (_without("startsAt"), "alerts.0.startsAt: Field required"),
    ],
)
def test_no_webhook_at_all(world: World, body: object, says: str) -> None:
    """What is no webhook of version 4 is 422, with one sentence that says where and what was expected."""
    answer = world.post_alerts(body)

    assert answer.status_code == 422
    assert answer.json()["message"].startswith("This is no Alertmanager webhook of version 4")
    assert says in answer.json()["message"]
    assert answer.json()["details"]


def test_the_first_bad_alert_is_told_of(world: World) -> None:
    """Of a body full of what is no alert, the first one is told of, so that the answer stays smaller than the body."""
    answer = world.post_alerts({"version": "4", "alerts": [{}] * 10_000})

    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == [
        f"alerts.0.{key}" for key in ("status", "labels", "startsAt", "fingerprint")
    ]


def test_too_much_that_is_wrong_is_counted(world: World) -> None:
    """Ten thousand wrong labels are a number: to spell them out would hold up everybody else's answers."""
    body: dict[str, Any] = recorded("firing-single")
    body["alerts"][0]["labels"] |= {f"l{number}": number for number in range(10_000)}

    answer = world.post_alerts(body)

    assert answer.status_code == 422
    assert answer.json() == {
        "message": "This is no Alertmanager webhook of version 4: 10000 fields are wrong; /docs lists every call.",
        "reason": None,
        "details": [],
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"version": "4", "alerts": NaN}',
        b'{"version": "4", "alerts": [], "truncatedAlerts": ' + b"9" * 5000 + b"}",
        b'{"version": "4", "alerts": [], "truncatedAlerts": 1e999}',
        b'{"version": "4", "alerts": [{"labels": {"alertname": "\\ud800"}}]}',
    ],
)
def test_hostile_bytes(world: World, raw: bytes) -> None:
    """Bytes that are no sound JSON are refused in one sentence, whatever is wrong with them."""
    answer = world.client.post("/api/v1/alerts", content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["message"].endswith(".")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ";;", ""]
)
def test_wrong_content_type(world: World, content_type: str) -> None:
    """A body that is not declared as JSON is refused with the header to send."""
    body = json.dumps(recorded("firing-single"))
    answer = world.client.post("/api/v1/alerts", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["message"]


def test_unknown_keys_are_welcome(world: World) -> None:
    """Keys of newer Alertmanagers change nothing."""
    body = recorded("firing-single") | {"notification_reason": "firing", "routeLabels": {}, "x": [{"y": 1}]}
    body["alerts"][0]["new"] = None

    assert world.post_alerts(body).json()["alerts"][0]["reason"] == "accepted"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
LABELS = st.dictionaries(
    st.sampled_from(["node", "vmid", "target_node", "action", "alertname"]) | st.text(),
    st.sampled_from(["pve", "pve2", "100", "101", "migrate", "wake", ""]) | st.text(),
)


@SANE
@given(body=JSON)
def test_any_json_is_answered(world: World, body: object) -> None:
    """Whatever JSON arrives is a defect of the sender, never of ours."""
    answer = world.client.post("/api/v1/alerts", content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert answer.status_code == 422


@SANE
@given(labels=LABELS, status=st.sampled_from(["firing", "resolved"]), starts_at=st.datetimes())
def test_any_labels_are_answered(world: World, labels: dict[str, str], status: str, starts_at: Any) -> None:
    """Whatever the labels are, a well-formed notification is 202, and each alert of it has its verdict."""
    body = copy.deepcopy(recorded("firing-single"))
    body["alerts"][0] |= {"labels": labels, "status": status, "startsAt": f"{starts_at.isoformat()}Z"}
    answer = world.post_alerts(body)

    assert answer.status_code == 202, answer.text
    [verdict] = answer.json()["alerts"]
    assert (verdict["reason"] is None) == (status == "resolved")


@SANE
@given(key=st.sampled_from(["status", "labels", "startsAt", "fingerprint"]), value=JSON)
def test_any_alert_is_answered(world: World, key: str, value: object) -> None:
    """One key of an alert replaced by anything is understood or refused, never a crash."""
    body = recorded("firing-single")
    body["alerts"][0][key] = value
    answer = world.client.post("/api/v1/alerts", content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert answer.status_code in {202, 422}


def _vanish(world: World) -> None:
    world.store.close()
    shutil.rmtree(world.folder)


@pytest.mark.parametrize("break_it", [World.break_database, _vanish])
def test_what_cannot_be_persisted_is_503(world: World, break_it: Any) -> None:
    """When the database does not take it, Alertmanager is told to come again, and nobody is told of work."""
    break_it(world)
    answer = world.post_alerts(recorded("firing-single"))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "nothing was accepted" in answer.json()["message"]
    assert world.bell.rung == 0


def test_nothing_of_it_is_counted_unless_persisted(world: World) -> None:
    """A decision that was not persisted is no decision: the metric stays."""
    before = decisions(world)
    world.store.close()  # brings what the write-ahead log holds into the file
    kept = world.database.read_bytes()
    world.database.write_bytes(b"x" * 8192)
    world.post_alerts(recorded("firing-single"))
    world.store.close()
    for leftover in world.folder.glob("actuator.db-*"):
        leftover.unlink()
    world.database.write_bytes(kept)

    assert decisions(world) == before
    assert world.post_alerts(recorded("firing-single")).json()["alerts"][0]["reason"] == "accepted"


def test_the_token_is_in_no_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a refusal, nor a decision, nor a log line repeats the token that came with the request."""
    body = recorded("firing-single")
    body["alerts"][0]["labels"]["vmid"] = "x"
    with structlog.testing.capture_logs() as lines:
        answers = [
            world.post_alerts(body),
            world.post_alerts({"version": "3", "token": TOKEN}),
            world.client.post("/api/v1/alerts", headers={"Authorization": f"Basic {TOKEN}"}),
            world.client.get(f"/api/v1/jobs?limit={TOKEN}"),
        ]
    captured = capsys.readouterr()

    for text in (*(answer.text for answer in answers), str(lines), captured.out, captured.err):
        assert TOKEN not in text
    assert TOKEN.encode() not in world.database.read_bytes()
