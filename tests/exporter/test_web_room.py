"""Who gives way to whom when there is no more room."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.room import Room, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hall:
    """A room, and the connections that came to it, by number."""

    def __init__(self, most: int, stack: ExitStack) -> None:
        self.room = Room(most)
        self.inside: list[socket.socket] = []
        self._outside: list[socket.socket] = []
        self._stack = stack

    def come(self, standing: Standing = Standing.STRANGE) -> bool:
        """Let one more come, and be about that; say whether it found a place."""
        ours, theirs = (self._stack.enter_context(one) for one in socket.socketpair())
        self.inside.append(ours)
        self._outside.append(theirs)
        entered = self.room.enter(ours)
        self.room.note(ours, standing)
        return entered

    def ended(self) -> list[int]:
        """Return the numbers of those whose connections were ended."""
        ready = select.select(self._outside, (), (), 0)[0]
        return [number for number, one in enumerate(self._outside) if one in ready]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What closes the sockets."""
    with ExitStack() as opened:
        yield opened


def test_strangers_take_half_from_those_who_had_a_page_and_no_more(stack: ExitStack) -> None:
    """Oldest first; then strangers give way to each other."""
    hall = Hall(4, stack)
    for _ in range(4):
        hall.come(Standing.SERVED)
    assert [hall.come() and hall.ended() for _ in range(4)] == [[0], [0, 1], [0, 1, 4], [0, 1, 4, 5]]


def test_who_has_a_page_made_for_it_does_not_give_way(stack: ExitStack) -> None:
    """Those who have theirs do, the first of them first; when there is none, the next finds no place, at once."""
    hall = Hall(4, stack)
    for standing in (Standing.SERVED, Standing.SERVED, Standing.WORKING, Standing.WORKING):
        hall.come(standing)
    hall.room.note(hall.inside[0], Standing.SERVED)
    assert hall.come(Standing.WORKING)
    assert hall.ended() == [1]
    assert hall.come(Standing.WORKING)
    assert hall.ended() == [0, 1]
    assert not hall.come()
    assert hall.ended() == [0, 1]


def test_who_left_makes_room(stack: ExitStack) -> None:
    """Nobody has to go for the next."""
    hall = Hall(1, stack)
    hall.come(Standing.WORKING)
    assert not hall.come()
    hall.room.leave(hall.inside[0])
    assert hall.come()
    assert hall.ended() == []


def test_who_had_to_go_does_not_come_back(stack: ExitStack) -> None:
    """Not by what it is about meanwhile, and not as the TLS that it became at that moment: that is ended, too."""
    hall = Hall(1, stack)
    hall.come()
    hall.come(Standing.WORKING)
    hall.room.note(hall.inside[0], Standing.WORKING)
    hall.room.leave(hall.inside[1])
    assert hall.come()
    assert hall.ended() == [0]

    secure, client = (stack.enter_context(one) for one in socket.socketpair())
    client.settimeout(60.0)
    hall.room.goes_on_as(hall.inside[0], secure)
    assert client.recv(1) == b""


@given(st.integers(1, 6), st.lists(st.sampled_from(Standing), max_size=30))
def test_there_are_never_more_than_there_is_room_for(most: int, standings: list[Standing]) -> None:
    """Whoever comes, and whatever they are about; and none is ended while a place is free."""
    with ExitStack() as stack:
        hall = Hall(most, stack)
        entered = [hall.come(standing) for standing in standings]

        assert sum(entered) - len(hall.ended()) == min(most, len(standings))
        working = [number for number, one in enumerate(standings) if one is Standing.WORKING and entered[number]]
        assert not set(working) & set(hall.ended())
