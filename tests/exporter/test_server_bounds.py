"""What strangers cannot make the server do: hold up others, keep threads, eat memory."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from exporter.web.page import Answer
from exporter.web.server import Bounds
from tests.exporter.websites import PAGES, PATIENCE, Client, connect, rest, serving

if TYPE_CHECKING:
    from exporter.web.page import Page, Request

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"


def test_a_request_that_comes_drop_by_drop_is_given_up() -> None:
    """The time counts from its first byte, however often another one comes."""
    with serving(bounds=Bounds(request=0.3)) as server, connect(server) as slow:
        slow.sendall(REQUEST)
        done = threading.Event()

        def drip() -> None:
            try:
                while not done.wait(0.02):
                    slow.sendall(b"a")
            except OSError:
                return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            answer = rest(slow)
        finally:
            done.set()
            dripping.join()

        assert answer == b""


def test_a_connection_that_says_nothing_is_given_up() -> None:
    """Before its first request it has a request's time."""
    with serving(bounds=Bounds(request=0.1)) as server, connect(server) as silent:
        assert rest(silent) == b""


def test_a_further_request_has_no_more_time_than_the_first() -> None:
    """Between requests a connection may rest longer, but not within one."""
    with serving(bounds=Bounds(request=0.1, idle=PATIENCE * 10)) as server, connect(server) as slow:
        slow.sendall(REQUEST + b"\r\n" + REQUEST)

        assert rest(slow).endswith(b"watts 1\n")


def test_an_idle_connection_is_closed_in_the_end() -> None:
    """After an answer it may rest for a while, longer than a request may take, but not for ever."""
    with serving(bounds=Bounds(idle=0.1)) as server, connect(server) as idle:
        idle.sendall(REQUEST + b"\r\n")

        assert rest(idle).endswith(b"watts 1\n")


@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 200_000, REQUEST + (b"X-Y: " + b"a" * 30_000 + b"\r\n") * 10, b"\0" * 200_000]
)
def test_a_request_without_end_is_given_up(head: bytes) -> None:
    """A line, or a head, far above what anybody needs is not collected in memory, and no page answers it."""
    with serving() as server, connect(server) as talker:
        try:
            talker.sendall(head)
        except ConnectionError:
            return  # it was given up before all of it was said
        answer = rest(talker)

        assert b"watts 1" not in answer


def test_an_answer_that_nobody_takes_is_given_up() -> None:
    """A client that asks and does not read loses its connection, and its place goes to the next."""
    pages: dict[str, Page] = {"/big": lambda _: Answer(b"x" * 50_000_000), **PAGES}
    with serving(bounds=Bounds(answer=0.2, connections=1), pages=pages) as server, connect(server) as greedy:
        greedy.sendall(REQUEST.replace(b"metrics", b"big") + b"\r\n")
        assert greedy.recv(1) == b"H"
        while True:  # its place cannot be taken from it, as it waits for nothing: until its time is over
            try:
                with Client(server) as client:
                    assert client.ask()[0] == 200
                break
            except ConnectionError:
                continue


def test_when_it_is_full_the_one_that_waits_longest_gives_way() -> None:
    """Silent connections, however many, keep nobody out; the newest ones stay."""
    with serving(bounds=Bounds(request=PATIENCE, connections=4)) as server, ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(40)]
        with Client(server) as client:
            assert client.ask()[0] == 200

            assert rest(silent[0]) == b""
            assert client.ask()[0] == 200
        silent[-1].sendall(REQUEST + b"Connection: close\r\n\r\n")
        assert rest(silent[-1]).endswith(b"watts 1\n")


def test_a_connection_whose_page_is_being_made_does_not_give_way() -> None:
    """Who is being answered stays; who comes then is refused, and served later."""
    entered, gate = threading.Event(), threading.Event()

    def page(_: Request) -> Answer:
        entered.set()
        gate.wait(PATIENCE)
        return Answer(b"at last")

    with serving(bounds=Bounds(connections=1), pages={"/metrics": page}) as server, connect(server) as first:
        first.sendall(REQUEST + b"Connection: close\r\n\r\n")
        assert entered.wait(PATIENCE)
        with connect(server) as second:
            assert rest(second) == b""
        gate.set()

        assert rest(first).endswith(b"at last")


@pytest.mark.parametrize("body", [b"Content-Length: 52\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n24\r\n"])
def test_a_body_is_not_taken_for_the_next_request(body: bytes) -> None:
    """What comes after a request with a body is never read as one, and the client is told so."""
    with serving() as server, connect(server) as client:
        client.sendall(REQUEST + body + REQUEST + b"Connection: close\r\n\r\n")
        answer = rest(client)

    assert answer.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_a_page_that_fails_ends_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours is logged with its place, and the next request is served."""

    def broken(_: Request) -> Answer:
        raise ZeroDivisionError

    with serving(pages={"/broken": broken, **PAGES}) as server:
        with connect(server) as client:
            client.sendall(REQUEST.replace(b"metrics", b"broken") + b"\r\n")
            assert rest(client) == b""
        with Client(server) as next_client:
            assert next_client.ask()[0] == 200

    assert "ZeroDivisionError" in caplog.text
