"""The bounds of a connection's two directions."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from exporter.web.connection import Inbox, Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the client's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_no_more_comes_in_than_was_expected(pair: tuple[socket.socket, socket.socket]) -> None:
    """The sizes of all reads count together, until something is expected anew."""
    inbox = Inbox(pair[0])
    for _ in range(2):
        inbox.expect(PATIENCE, 10)
        for _ in range(2):
            pair[1].sendall(b"12345")
            assert inbox.readinto(bytearray(100)) == 5
    pair[1].sendall(b"1")
    with pytest.raises(ConnectionAbortedError):
        inbox.readinto(bytearray(100))


def test_a_read_lasts_no_longer_than_what_is_left(pair: tuple[socket.socket, socket.socket]) -> None:
    """The time counts from when something was expected, not from the last byte."""
    inbox = Inbox(pair[0])
    inbox.expect(0.05, 10)
    with pytest.raises(TimeoutError):
        inbox.readinto(bytearray(1))

    assert (pair[0].gettimeout() or 0.0) <= 0.05
    pair[1].sendall(b"too late")
    with pytest.raises(TimeoutError, match="too slow"):
        inbox.readinto(bytearray(1))


def test_what_nobody_takes_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    """The time is that of the whole answer."""
    outbox = Outbox(pair[0], 0.05)
    outbox.write(b"x" * 50_000_000)
    with pytest.raises(TimeoutError):
        outbox.flush()
