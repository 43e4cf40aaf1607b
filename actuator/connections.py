"""Connections to the server: one that asks for nothing, or never ends its question, is closed.

uvicorn by itself limits only how long a connection idles after an answer, so a caller that opens connections and sends
nothing, or half a request's head, would hold them for ever, and in the end all that the process may have. What follows
a head has its own limit: see `actuator.api.body`. With TLS the same goes for the handshake before.

Two answers are given here, since no application hears of what they are to: 400 to what is no HTTP, and 503 while there
are too many connections. They look as the application's do, and are counted with them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from actuator.api.headers import protective
from actuator.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send
    from uvicorn.config import Config
    from uvicorn.server import ServerState

MAX_CONNECTIONS: Final = 4096
"""Beyond these, requests are answered 503 at once; well under ``LimitNOFILE`` of the service."""

_HEAD_SECONDS = 10.0

PROMPT_LOOP: Final = "actuator.connections:PromptLoop"
"""How uvicorn is told of `PromptLoop`."""


class PromptLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, with as little patience for a TLS handshake as for a head; by itself it waits a minute."""

    handshake_seconds = _HEAD_SECONDS

    async def create_server(self, *arguments: Any, **named: Any) -> asyncio.Server:
        """Listen."""
        if named.get("ssl") is not None:
            named.setdefault("ssl_handshake_timeout", self.handshake_seconds)
        return await super().create_server(*arguments, **named)


_NO_HTTP = "This is no HTTP/1.1 request: see that the address is right, and begins with https where TLS is spoken."
_CROWDED = "Too many connections at a time: send it again in a while, and see who holds them (ss -tn)."


def counting(refused: Callable[[int], None]) -> type[Impatient]:
    """The protocol, for uvicorn to make one for each connection.

    Args:
        refused: Hears of the status of each answer that is given here.
    """
    return type("Counting", (Impatient,), {"refused": staticmethod(refused)})


class Impatient(H11Protocol):
    """uvicorn's protocol, with a limit on the time until a request's head is complete, and on their number."""

    head_seconds = _HEAD_SECONDS
    most_connections = MAX_CONNECTIONS

    @staticmethod
    def refused(_status: int) -> None:
        """Hear of the status of an answer that is given here."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience: asyncio.TimerHandle | None = None
        self._application, self.app = self.app, self._unless_crowded

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for a head anew once the one before was answered; more of the same head gains no time."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        super().connection_lost(exc)
        self._stop()

    def send_400_response(self, _msg: str) -> None:
        """Answer to what is no HTTP, in uvicorn's place."""
        self.refused(400)
        headers, body = _answer(self.scheme, _NO_HTTP)
        head = h11.Response(status_code=400, headers=headers, reason="Bad Request")
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    async def _unless_crowded(self, scope: Scope, receive: Receive, send: Send) -> None:
        # As uvicorn's own limit counts, which would answer without our headers.
        if max(len(self.connections), len(self.tasks)) <= self.most_connections:
            await self._application(scope, receive, send)
            return
        self.logger.warning("Exceeded concurrency limit.")
        self.refused(503)
        headers, body = _answer(self.scheme, _CROWDED)
        await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"retry-after", b"5")]})
        await send({"type": "http.response.body", "body": body})

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        if self._answering or self.transport.is_closing():
            self._stop()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if not self._answering:
            self.transport.close()


def _answer(scheme: str | None, message: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an error answer, as `actuator.api.problems` makes them."""
    body = Problem(message=message).model_dump_json().encode()
    told = protective({"scheme": scheme}) | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    return [(name.lower().encode(), value.encode()) for name, value in told.items()], body
