"""Passwords, headers and rates over real sockets."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import pytest

from exporter.web.guard import Guard
from exporter.web.rate_limit import RateLimiter
from tests.exporter.websites import HASH, LOGIN, PASSWORD, PATIENCE, TLS, USERS, Client, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = "http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff}}\n"


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_path_needs_the_password(tmp_path: Path, path: str, method: str) -> None:
    """Also health, and what is not there: without a password nobody learns which is which."""
    site = Site(tmp_path, USERS)
    with serving(Guard(site.file)) as server, Client(server) as client:
        for headers in (None, {"Authorization": "Basic YWxpY2U6eA=="}):
            status, _, got = client.ask(path, headers, method)
            assert status == 401
            assert got["WWW-Authenticate"].startswith("Basic ")

        assert client.ask(path, LOGIN, method)[0] == (404 if path == "/nothing" else 200)


def test_headers_are_on_every_answer(tmp_path: Path) -> None:
    """On pages, refusals and what is not there."""
    site = Site(tmp_path, USERS + HEADERS)
    with serving(Guard(site.file)) as server, Client(server) as client:
        for path, login in (("/metrics", LOGIN), ("/metrics", None), ("/nothing", LOGIN)):
            got = client.ask(path, login)[2]
            assert (got["X-Frame-Options"], got["X-Content-Type-Options"]) == ("deny", "nosniff")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET http://[bad/metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"400 Bad Request"),
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/x\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"505 HTTP Version Not Supported"),
        (b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431 Request Header Fields Too Large"),
        (b"<b>POST</b> /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"501 Not Implemented"),
    ],
)
def test_what_is_no_request_is_answered_in_plain_text_with_the_headers(
    tmp_path: Path, said: bytes, status: bytes
) -> None:
    """Nothing of the request is repeated, nothing told of the pages; the configured headers are there, once."""
    site = Site(tmp_path, USERS + HEADERS)
    with (
        serving(Guard(site.file)) as server,
        socket.create_connection(("127.0.0.1", server.server_address[1]), PATIENCE) as client,
    ):
        client.sendall(said)
        with client.makefile("rb") as reader:
            head, _, body = reader.read().partition(b"\r\n\r\n")

    lines = head.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 " + status)
    for line in (b"X-Frame-Options: deny", b"Content-Type: text/plain; charset=utf-8", b"Connection: close"):
        assert lines.count(line) == 1
    assert body.strip() == lines[0].split(b" ", 2)[2]


def test_users_change_without_a_restart(tmp_path: Path) -> None:
    """Who is taken out of the file is refused at the next request of the same connection."""
    site = Site(tmp_path, USERS)
    with serving(Guard(site.file)) as server, Client(server) as client:
        assert client.ask(headers=LOGIN)[0] == 200
        site.file.write_text(USERS.replace("alice", "bob"))
        assert client.ask(headers=LOGIN)[0] == 401
        site.file.write_text(USERS)
        assert client.ask(headers=LOGIN)[0] == 200


def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    """The burst passes, what is above it gets 429, before any password is checked."""
    site = Site(tmp_path, USERS + "rate_limit: {interval: 1h, burst: 2}\n")
    with serving(Guard(site.file)) as server, Client(server) as client:
        assert [client.ask(headers=login)[0] for login in (LOGIN, None, LOGIN)] == [200, 401, 429]


def test_the_rate_is_one_an_interval() -> None:
    """After the burst one request passes each interval, and quiet times save up no more than the burst."""
    now = [0.0]
    limiter = RateLimiter(2.0, 3, lambda: now[0])
    assert [limiter.allows() for _ in range(4)] == [True, True, True, False]
    now[0] = 2.0
    assert [limiter.allows() for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert [limiter.allows() for _ in range(4)] == [True, True, True, False]


def test_passwords_without_tls_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are taken, as elsewhere, but not without a word; with TLS there is nothing to say."""
    Guard(Site(tmp_path, TLS + USERS).file)
    assert not caplog.records

    Guard(Site(tmp_path, USERS).file)
    assert "passwords cross the network readable" in caplog.text


def test_no_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither passwords nor hashes, whatever the log level."""
    caplog.set_level(logging.DEBUG)
    site = Site(tmp_path, USERS)
    with serving(Guard(site.file)) as server, Client(server) as client:
        assert client.ask(headers=LOGIN)[0] == 200
        site.file.write_text(f"basic_auth_users: {{alice: {PASSWORD}, bob: {HASH}}}\n")
        assert client.ask(headers=LOGIN)[0] == 200

    assert "expected a user's bcrypt hash" in caplog.text
    for secret in (PASSWORD, HASH, LOGIN["Authorization"]):
        assert secret not in caplog.text
