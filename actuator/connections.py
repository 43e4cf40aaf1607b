"""Connections to the server: one that asks for nothing, or never ends its question, is closed.

uvicorn by itself limits only how long a connection idles after an answer, so a caller that opens connections and sends
nothing, or half a request's head, would hold them for ever, and in the end all that the process may have. What follows
a head has its own limit: see `actuator.api.body`. With TLS the same goes for the handshake before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
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


class Impatient(H11Protocol):
    """uvicorn's protocol, with a limit on the time until a request's head is complete."""

    head_seconds = _HEAD_SECONDS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience: asyncio.TimerHandle | None = None

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
