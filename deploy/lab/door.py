"""A node's sshd as far as a knock goes: it takes connections from the moment the node's network is up."""

from __future__ import annotations

import asyncio
import contextlib


class Door:
    """A TCP port that is open or not."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Take connections; does nothing when it does already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._greet, self._address, self._port)

    async def shut(self) -> None:
        """Take no more, and cut those that are there."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for caller in self._callers:
                caller.transport.abort()
            await server.wait_closed()

    async def _greet(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        with contextlib.suppress(OSError):  # a caller who only knocked has gone
            writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
            writer.close()
            await writer.wait_closed()
        self._callers.discard(writer)
