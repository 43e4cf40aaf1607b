"""The kill switch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.actuator.api.world import World

JSON = {"Content-Type": "application/json"}


def test_pause_and_resume(world: World) -> None:
    """A pause holds until it is ended, shows who made it, and both are logged loudly."""
    with structlog.testing.capture_logs() as lines:
        paused = world.client.post("/api/v1/pause", json={"reason": " maintenance "}).json()
        shown = world.client.get("/-/ready").json()["paused"]
        resumed = world.client.post("/api/v1/resume").json()

    assert paused == {"paused": "maintenance (alertmanager)"}
    assert shown == paused["paused"]
    assert resumed == {"paused": None}
    assert world.store.paused() is None
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("actuator.paused", "warning"),
        ("actuator.resumed", "warning"),
    ]
    assert world.bell.rung == 1


@given(reason=st.text(max_size=310))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pause_is_answered(world: World, reason: str) -> None:
    """Whatever somebody gives as a reason, it is shown as it was given, or refused with a sentence."""
    answer = world.client.post("/api/v1/pause", content=json.dumps({"reason": reason}).encode(), headers=JSON)

    if answer.status_code == 200:
        assert answer.json()["paused"].removesuffix(" (alertmanager)") in reason
    else:
        assert (answer.status_code, bool(answer.json()["message"])) == (422, True)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 301}, {"why": "x"}, []])
def test_a_pause_says_why(world: World, body: object) -> None:
    """A pause without a reason is refused, and the sentence shows how to give one."""
    answer = world.client.post("/api/v1/pause", json=body)

    assert answer.status_code == 422
    assert '{"reason":' in answer.json()["message"]
    assert world.store.paused() is None
