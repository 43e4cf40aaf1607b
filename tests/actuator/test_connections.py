"""Connections that ask for nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import uvicorn

from actuator.connections import Impatient, PromptLoop, counting
from tests.actuator.api.test_headers import EXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Hasty(Impatient):
    """Waits a fifth of a second for a head."""

    head_seconds = 0.2


class HastyLoop(PromptLoop):
    """Waits a fifth of a second for a handshake."""

    handshake_seconds = 0.2


@contextmanager
def served(app: Any, http: type[Impatient] = Hasty, **options: Any) -> Iterator[tuple[str, int]]:
    """A server that waits little."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, http=http, log_config=None, lifespan="off", timeout_graceful_shutdown=1, **options)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


async def prompt(_scope: Any, _receive: Any, send: Any) -> None:
    """An application that answers at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def until_closed(connection: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD])
def test_half_a_head(sent: bytes) -> None:
    """A connection that never completes a head is closed, without an answer."""
    with served(prompt) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(sent)

        assert until_closed(connection) == b""


def test_no_handshake() -> None:
    """With TLS, a connection that shakes no hands is closed as soon: nothing of ours has seen it yet."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    options: dict[str, Any] = {"ssl_context_factory": lambda *_: context, "loop": f"{__name__}:HastyLoop"}
    with served(prompt, **options) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"\x16\x03\x01")  # the beginning of a TLS record

        assert until_closed(connection) == b""


def told(answer: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Status line, headers by name, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.decode().split(": ", 1) for line in lines)
    return status, {name.title(): value for name, value in headers.items()}, body


@pytest.mark.parametrize(
    ("sent", "connections", "status"),
    [(b"\x16\x03\x01 no HTTP\r\n\r\n", 1, 400), (HEAD + b"\r\n", 0, 503), (HEAD + b"\r\n", 1, 200)],
)
def test_what_no_application_hears_of(sent: bytes, connections: int, status: int) -> None:
    """What is no HTTP, and a connection too many: the answer is a sentence with all protective headers, and counted.

    As many connections as are allowed are not too many.
    """
    counted: list[int] = []
    protocol = counting(counted.append)
    protocol.most_connections = connections
    with served(prompt, protocol) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        line, headers, body = told(until_closed(connection))

    assert line.split()[1] == str(status).encode()
    if status == 200:
        assert (counted, body) == ([], b"ok")
        return
    assert counted == [status]
    assert {name: headers.get(name.title()) for name in EXPECTED} == EXPECTED
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert json.loads(body)["message"].endswith(".")
    assert ("Retry-After" in headers) == (status == 503)


def test_half_a_second_head() -> None:
    """A request that was answered buys the next one no more time."""
    with served(prompt) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(HEAD + b"\r\n")
        first = connection.recv(4096)
        connection.sendall(HEAD)

        assert first.startswith(b"HTTP/1.1 200")
        assert until_closed(connection).removeprefix(b"ok") == b""


def test_a_long_answer_is_not_cut() -> None:
    """However long an answer takes, as a stream of events does, its connection stays open."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        """Answer after three times the patience for a head."""
        await asyncio.sleep(3 * Hasty.head_seconds)
        await prompt(scope, receive, send)

    with served(slow) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")

        assert until_closed(connection).endswith(b"ok")
