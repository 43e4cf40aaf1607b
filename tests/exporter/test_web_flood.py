"""A flood of strangers: who has shown a password, and who comes for the first time, is served all the same."""

from __future__ import annotations

import ssl
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from exporter.web.basic_auth import Doorkeeper
from exporter.web.guard import Guard
from exporter.web.page import Answer
from exporter.web.protection import Protection
from exporter.web.server import Bounds
from tests.exporter.test_basic_auth import Counting
from tests.exporter.websites import (
    CLIENTS,
    HASH,
    LOGIN,
    PAGES,
    PATIENCE,
    TLS,
    USERS,
    Client,
    Site,
    connect,
    rest,
    serving,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.web.page import Page, Request

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
GUESS = REQUEST + b"Authorization: Basic YWxpY2U6eA==\r\n\r\n"
LASTING = Bounds(PATIENCE * 10, PATIENCE * 10, PATIENCE * 10, PATIENCE * 10)  # nothing ends of itself


class Fixed(Guard):
    """A guard whose protection is given."""

    def __init__(self, protection: Protection) -> None:
        self._fixed = protection

    def current(self) -> Protection:
        """Return it."""
        return self._fixed


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What bcrypt waits for; open at first, and in the end."""
    event = threading.Event()
    event.set()
    yield event
    event.set()


def slow_guard(folder: Path, gate: threading.Event) -> Guard:
    """Return a guard whose bcrypt waits at the gate."""
    config = Guard(Site(folder, USERS).file).current().config
    doorkeeper = Doorkeeper({"alice": HASH}, Counting(gate), patience=PATIENCE * 10)
    return Fixed(Protection(config, None, doorkeeper, None))


def test_wrong_passwords_keep_no_known_client_out(tmp_path: Path, gate: threading.Event) -> None:
    """More guesses than connections, and none gets its turn: known clients are served, on old connections and new."""
    with serving(slow_guard(tmp_path, gate), LASTING) as server, ExitStack() as stack:
        kept = stack.enter_context(Client(server))
        assert kept.ask(headers=LOGIN)[0] == 200
        gate.clear()
        try:
            for number in range(160):
                stack.enter_context(connect(server)).sendall(GUESS)
                if number % 8 == 0:
                    with Client(server) as fresh:
                        assert fresh.ask(headers=LOGIN)[0] == 200
                    assert kept.ask(headers=LOGIN)[0] == 200
        finally:
            gate.set()


def test_more_guesses_than_can_be_checked_are_told_so_at_once(tmp_path: Path, gate: threading.Event) -> None:
    """Of twenty at once eight wait for their turn; the others have their answer before anybody's check is over."""
    with serving(slow_guard(tmp_path, gate), LASTING) as server, ExitStack() as stack:
        gate.clear()
        try:
            guesses = [stack.enter_context(connect(server)) for _ in range(20)]
            answers: list[bytes] = []
            some = threading.Semaphore(0)

            def guess(connection: socket.socket) -> None:
                connection.sendall(GUESS)
                answers.append(rest(connection))
                some.release()

            threads = [threading.Thread(target=guess, args=(one,)) for one in guesses]
            for thread in threads:
                thread.start()
            told = [some.acquire(timeout=PATIENCE) for _ in range(12)]
            early = list(answers)
        finally:
            gate.set()
        for thread in threads:
            thread.join()

    assert all(told)
    assert [answer[:12] for answer in early] == [b"HTTP/1.1 503"] * 12
    assert [answer[:12] for answer in answers[12:]] == [b"HTTP/1.1 401"] * 8


def test_who_is_refused_loses_the_connection(tmp_path: Path) -> None:
    """A guess costs a connection, which is closed with the answer, and said to be."""
    site = Site(tmp_path, USERS)
    with serving(Guard(site.file), LASTING) as server, connect(server) as guesser:
        guesser.sendall(GUESS + GUESS)
        answer = rest(guesser)

    assert answer.count(b"HTTP/1.1 401") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_answers_that_nobody_takes_keep_nobody_out() -> None:
    """Clients that ask and never read give way when it is full, the first of them first."""
    pages: dict[str, Page] = {
        "/big": lambda _: Answer(b"x" * 50_000_000),
        "/metrics": lambda _: Answer(b"watts 1\n"),
    }
    with serving(bounds=LASTING._replace(connections=4), pages=pages) as server, ExitStack() as stack:
        for _ in range(10):
            greedy = stack.enter_context(connect(server))
            greedy.sendall(REQUEST.replace(b"metrics", b"big") + b"\r\n")
            assert greedy.recv(1) == b"H"
        with Client(server) as client:
            assert client.ask()[0] == 200


@pytest.mark.parametrize("text", [TLS, CLIENTS])
@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_half_a_handshake_a_hundred_times_keeps_nobody_out(tmp_path: Path, text: str, first: bytes) -> None:
    """Nothing said, or the beginning of a hello: who shakes hands is served, and who did so before stays."""
    site = Site(tmp_path, text)
    context = site.context("prometheus.lan")
    with serving(Guard(site.file), LASTING) as server, ExitStack() as stack:
        kept = stack.enter_context(Client(server, context))
        assert kept.ask()[0] == 200
        for _ in range(100):
            stack.enter_context(connect(server)).sendall(first)
        assert kept.ask()[0] == 200
        with Client(server, context) as fresh:
            assert fresh.ask()[0] == 200


def test_idle_connections_over_tls_keep_nobody_out(tmp_path: Path) -> None:
    """Three hundred that shook hands, and ask nothing: who asked stays, a new one is served, the first are gone."""
    site = Site(tmp_path, TLS + USERS)
    context = site.context()
    with serving(Guard(site.file), LASTING) as server, ExitStack() as stack:
        kept = stack.enter_context(Client(server, context))
        assert kept.ask(headers=LOGIN)[0] == 200
        idle: list[socket.socket] = []
        for _ in range(300):
            plain = stack.enter_context(connect(server))
            idle.append(stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1")))
        assert kept.ask(headers=LOGIN)[0] == 200
        with Client(server, context) as fresh:
            assert fresh.ask(headers=LOGIN)[0] == 200
        assert rest(idle[0]) == b""


@pytest.mark.parametrize("text", ["", TLS])
def test_a_page_that_fails_keeps_no_place(tmp_path: Path, text: str) -> None:
    """Its connection is over, whatever it was about: the next client has its place, be it the only one."""

    def broken(_: Request) -> Answer:
        raise ZeroDivisionError

    site = Site(tmp_path, text)
    context = site.context() if text else None
    pages: dict[str, Page] = {"/broken": broken, **PAGES}
    with serving(Guard(site.file), LASTING._replace(connections=1), pages) as server:
        with Client(server, context) as client, pytest.raises((ConnectionError, ssl.SSLError)):
            client.ask("/broken")
        with Client(server, context) as client:
            assert client.ask()[0] == 200
