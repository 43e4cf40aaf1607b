"""Who is let in, and how much of a body is read."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from actuator.api.body import BodyLimits
from tests.actuator.api.world import ALERT_TOKEN, OPERATE_TOKEN, READ_TOKEN, TOKEN, World, recorded, served
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPEN = {"/-/healthy", "/-/ready", "/metrics"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
    ],
)
def test_without_the_token(world: World, headers: dict[str, str]) -> None:
    """Whoever does not bring a known token is told how to, and leaves nothing behind."""
    stranger = TestClient(world.app)
    answer = stranger.post("/api/v1/alerts", json=recorded("firing-single"), headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in answer.json()["message"]
    assert world.store.episodes() == []


def test_every_call_asks_for_the_token(world: World) -> None:
    """No call is open but those that probes and scrapers need: a router that forgets to ask is found here."""
    stranger = TestClient(world.app)
    calls = [
        (method, path)
        for path, methods in world.app.openapi()["paths"].items()
        for method in methods
        if path not in OPEN
    ]

    assert len(calls) >= 10
    for method, path in calls:
        answer = stranger.request(method, re.sub(r"\{.*?\}", "x", path))

        assert answer.status_code == 401, f"{method} {path}"


SCOPED = {
    "alert": ["POST /api/v1/alerts"],
    "read": [
        "GET /api/v1/jobs",
        "GET /api/v1/jobs/x",
        "GET /api/v1/jobs/x/events",
        "GET /api/v1/audit",
        "GET /api/v1/nodes",
        "POST /api/v1/plan",
    ],
    "operate": [
        "POST /api/v1/jobs",
        "POST /api/v1/jobs/x/cancel",
        "POST /api/v1/pause",
        "POST /api/v1/resume",
        "POST /-/reload",
        "POST /api/v1/nodes/x/wake",
        "POST /api/v1/nodes/x/clear-quarantine",
    ],
}
GOOD_FOR = {ALERT_TOKEN: {"alert"}, READ_TOKEN: {"read"}, OPERATE_TOKEN: {"read", "operate"}}


@pytest.mark.parametrize("token", GOOD_FOR)
def test_scopes(world: World, token: str) -> None:
    """A token does what its scopes say; for anything else it is told which one it lacks, before its body is read."""
    world.cluster = samples.cluster()
    client = TestClient(world.app, headers={"Authorization": f"Bearer {token}"})
    for scope, calls in SCOPED.items():
        for call in calls:
            method, path = call.split()
            answer = client.request(method, path)

            if scope in GOOD_FOR[token]:
                assert answer.status_code not in {401, 403}, call
            else:
                assert answer.status_code == 403, call
                assert f"lacks the scope '{scope}'" in answer.json()["message"]
    assert world.store.paused() is None


def test_every_call_has_its_scope(world: World) -> None:
    """No call is left out above: one that is new says which scope it takes."""
    offered = {
        f"{method.upper()} {re.sub(r'{.*?}', 'x', path)}"
        for path, methods in world.app.openapi()["paths"].items()
        for method in methods
        if path not in OPEN
    }

    assert offered == {call for calls in SCOPED.values() for call in calls}


@pytest.mark.parametrize("path", sorted(OPEN))
def test_probes_behind_the_token(world: World, path: str) -> None:
    """Where the configuration says so, probes and scrapers have to bring a token that may read."""
    world.gate.open_probes = False

    assert TestClient(world.app).get(path).status_code == 401
    assert world.client.get(path, headers={"Authorization": f"Bearer {ALERT_TOKEN}"}).status_code == 403
    assert world.client.get(path, headers={"Authorization": f"Bearer {READ_TOKEN}"}).status_code == 200


def test_authentication_comes_before_the_body(world: World) -> None:
    """A stranger's body is not looked at: its faults do not show."""
    answer = TestClient(world.app).post("/api/v1/alerts", content=b"{", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 401


def test_probes_and_scrapers_need_no_token(world: World) -> None:
    """Health and metrics are open."""
    stranger = TestClient(world.app)

    assert {stranger.get(path).status_code for path in OPEN} == {200}


def test_docs_describe_the_bodies(world: World) -> None:
    """The OpenAPI document says what each call takes, no reference leads nowhere, and it wants a token."""
    document = world.app.openapi()
    posted = document["paths"]["/api/v1/alerts"]["post"]
    schema = posted["requestBody"]["content"]["application/json"]["schema"]

    assert schema["properties"]["alerts"]["items"]["properties"]["fingerprint"]["pattern"]
    assert "$ref" not in str(schema)
    assert posted["security"]
    assert world.client.get("/docs").status_code == 200


def test_unknown_paths_answer_in_the_common_shape(world: World) -> None:
    """A call that does not exist is answered like every other error: with a sentence."""
    missing, wrong = world.client.get("/api/v1/nothing"), world.client.delete("/api/v1/jobs")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert "/docs" in missing.json()["message"]
    assert "/docs" in wrong.json()["message"]


def test_a_defect_shows_no_internals(world: World) -> None:
    """A defect of ours is 500 with a sentence, and what it said stays in the log."""

    def broken() -> None:
        raise RuntimeError("internal detail")

    world.app.router.routes.append(APIRoute("/broken", broken))
    answer = world.client.get("/broken")

    assert answer.status_code == 500
    assert "internal detail" not in answer.text
    assert "log" in answer.json()["message"]


def test_declared_size_over_the_limit(world: World) -> None:
    """A body that is declared too large is refused at its head."""
    answer = world.client.post("/api/v1/alerts", json={"version": "4", "alerts": [], "x": "x" * 1024 * 1024})

    assert answer.status_code == 413
    assert "max_alerts" in answer.json()["message"]


def test_streamed_size_over_the_limit(world: World) -> None:
    """A body without a declared length is refused once it grows past the limit."""

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 65536

    answer = world.client.post("/api/v1/alerts", content=chunks(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 413


def _half_a_request(body: bytes) -> bytes:
    head = f"POST /api/v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n".encode() + body


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[World]:
    """A world that waits a twentieth of a second for a body."""
    world = World(tmp_path, body_limits=BodyLimits(seconds=0.05))
    yield world
    world.store.close()


def test_a_body_that_never_ends(impatient: World) -> None:
    """A sender that stops in the middle of its body is told so, and the connection ends."""
    with served(impatient) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(_half_a_request(b'{"version"'))
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 0.05 s" in answer


def test_a_sender_that_hangs_up(world: World) -> None:
    """A connection that breaks in the middle of a body harms nobody else."""
    with served(world) as address:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(_half_a_request(b'{"version"'))
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 200")
