"""What a refused request leaves behind: a line and a count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog
from starlette.testclient import TestClient

from actuator.api.body import BodyLimits
from tests.actuator.api.world import TOKEN, World, metric

if TYPE_CHECKING:
    from pathlib import Path

JSON = {"Content-Type": "application/json"}


def lines_of(lines: list[Any]) -> list[Any]:
    """The lines about refusals."""
    return [line for line in lines if line["event"] == "request.refused"]


def counted(world: World, status: int) -> float:
    """Refusals with this status so far."""
    return metric(world, "wattshift_requests_refused_total", status=str(status))


@pytest.mark.parametrize(
    ("status", "call", "content", "headers"),
    [
        (404, "GET /api/v1/nothing", b"", {}),
        (404, "GET /api/v1/jobs/none", b"", {}),
        (405, "DELETE /api/v1/jobs", b"", {}),
        (409, "POST /api/v1/jobs", b'{"vmid": 999}', JSON),
        (413, "POST /api/v1/alerts", b" " * 2000, JSON),
        (415, "POST /api/v1/alerts", b"{}", {"Content-Type": "text/plain"}),
        (422, "POST /api/v1/alerts", b'{"version": "very-secret"}', JSON),
        (422, "GET /api/v1/jobs?limit=0", b"", {}),
    ],
)
def test_a_refusal_is_logged_and_counted(
    tmp_path: Path, status: int, call: str, content: bytes, headers: dict[str, str]
) -> None:
    """Whatever a request is refused for, the log says who sent what and why, and a counter says how often."""
    method, path = call.split()
    world = World(tmp_path, body_limits=BodyLimits(size_bytes=1000))
    before = counted(world, status)
    with structlog.testing.capture_logs() as lines:
        answer = world.client.request(method, path, content=content, headers=headers)

    assert (before, counted(world, status)) == (0, 1)
    assert answer.status_code == status
    [line] = lines_of(lines)
    assert (line["log_level"], line["status"], line["method"]) == ("warning", status, method)
    assert line["path"] == path.partition("?")[0]
    assert line["message"] == answer.json()["message"]
    assert line["requested_by"] == (None if "nothing" in path or status == 405 else "alertmanager")
    assert line["peer"] == "testclient"
    assert "very-secret" not in str(line)
    assert TOKEN not in str(line)
    world.store.close()


def test_a_stranger_is_logged_and_counted(world: World) -> None:
    """Somebody without a token leaves a line with the address, and what they presented is not in it."""
    with structlog.testing.capture_logs() as lines:
        TestClient(world.app).post("/api/v1/alerts", headers={"Authorization": "Bearer very-secret"})

    [line] = lines_of(lines)
    assert (line["status"], line["peer"], line["requested_by"]) == (401, "testclient", None)
    assert "very-secret" not in str(line)
    assert counted(world, 401) == 1


def test_the_usual_refusals_begin_at_zero(world: World) -> None:
    """The first refusal of a kind is an increase, not a series that appears."""
    for status in (400, 401, 404, 405, 408, 409, 413, 415, 422, 500, 503):
        assert counted(world, status) == 0


def test_a_flood_leaves_ten_lines_a_minute(world: World) -> None:
    """Ten refusals of a status are logged in a minute, the next line tells how many were not, and all are counted."""
    stranger = TestClient(world.app)
    with structlog.testing.capture_logs() as lines:
        for _ in range(25):
            stranger.get("/api/v1/jobs")
        world.client.get("/api/v1/jobs/none")
        world.now += 60
        for _ in range(2):
            stranger.get("/api/v1/jobs")

    told = [(line["status"], line["suppressed"]) for line in lines_of(lines)]
    assert told == [(401, 0)] * 10 + [(404, 0), (401, 15), (401, 0)]
    assert counted(world, 401) == 27


def test_a_long_path_is_a_short_line(world: World) -> None:
    """What a stranger writes into a path makes neither a long line nor a second one."""
    with structlog.testing.capture_logs() as lines:
        TestClient(world.app).get("/%0a" + "x" * 5000)

    [line] = lines_of(lines)
    assert line["path"].startswith("/?xxx")
    assert len(line["path"]) == 300
