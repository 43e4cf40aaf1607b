"""Room for so many connections; when it is full, one that can be spared gives way to the next."""

from __future__ import annotations

import enum
import socket
import threading
from contextlib import suppress


class Standing(enum.Enum):
    """What a connection is about."""

    STRANGE = enum.auto()  # nothing is known of it: it may never ask, or have no password
    SERVED = enum.auto()  # it has a page, which its client is to take before it asks for the next
    WORKING = enum.auto()  # a page is being made for it, which it waits for in any case


_STRANGERS_FIRST = (Standing.STRANGE, Standing.SERVED)
_STRANGERS_LAST = (Standing.SERVED, Standing.STRANGE)


class Room:
    """Room for ``most`` connections, each with a thread.

    Half of it strangers cannot take from those who had a page, and those cannot take the other half from strangers: a
    flood of either sort leaves room for a client of the other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[socket.socket, Standing] = {}  # who has had this standing for longest comes first

    def enter(self, connection: socket.socket) -> bool:
        """Give a place to a stranger, if need be another's, and say whether there was one; this never waits."""
        with self._lock:
            if len(self._places) >= self._most and not self._dismiss_one():
                return False
            self._places[connection] = Standing.STRANGE
            return True

    def leave(self, connection: socket.socket) -> None:
        """Give the place back, if the connection still has it; to be called before it is closed."""
        with self._lock:
            self._places.pop(connection, None)

    def note(self, connection: socket.socket, standing: Standing) -> None:
        """Take note of what a connection is about now; one that was dismissed stays so."""
        with self._lock:
            if self._places.pop(connection, None) is not None:
                self._places[connection] = standing

    def goes_on_as(self, connection: socket.socket, other: socket.socket) -> None:
        """Give the place of ``connection`` to what it has become, which is ended when that had to give way."""
        with self._lock:
            if self._places.pop(connection, None) is not None:
                self._places[other] = Standing.STRANGE
            else:
                _end(other)

    def _dismiss_one(self) -> bool:
        strangers = sum(standing is Standing.STRANGE for standing in self._places.values())
        in_excess = len(self._places) - strangers > self._most // 2
        for standing in _STRANGERS_LAST if in_excess else _STRANGERS_FIRST:
            for connection, found in self._places.items():
                if found is standing:
                    del self._places[connection]
                    _end(connection)
                    return True
        return False


def _end(connection: socket.socket) -> None:
    # The connection's own thread finds that it is over. That of TLS does so too: its own shutdown would have it go on
    # in the clear, so this is the plain socket's.
    with suppress(OSError):  # it is over already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
