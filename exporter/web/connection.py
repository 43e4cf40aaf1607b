"""A connection's two directions, each with a bound on time and size."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer


class Inbox(io.RawIOBase):
    """What comes from the other side: for so many seconds and so many bytes at most, as last expected."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until = 0.0
        self._room = 0

    def expect(self, seconds: float, size: int) -> None:
        """Let that much come from now on."""
        self._until = time.monotonic() + seconds
        self._room = size

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Wait for bytes and read them; 0 when the other side has finished.

        Raises:
            TimeoutError: they did not come in time.
            ConnectionAbortedError: there are too many.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the client is too slow")
        self._connection.settimeout(left)
        size = self._connection.recv_into(buffer)
        self._room -= size
        if self._room < 0:
            raise ConnectionAbortedError("the client says too much")
        return size


class Outbox(io.BytesIO):
    """What goes to the other side: all at once when flushed, so that head and body leave together."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__()
        self._connection = connection
        self._seconds = seconds

    def flush(self) -> None:
        """Send it.

        Raises:
            TimeoutError: the other side did not take it all in time.
        """
        data = self.getvalue()
        self.seek(0)
        self.truncate()
        if data:
            self._connection.settimeout(self._seconds)
            self._connection.sendall(data)
