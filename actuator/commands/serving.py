"""The server: started, said where it listens, and stopped when told.

What is wrong with the configuration is said before anything listens.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import structlog
import uvicorn
from prometheus_client import disable_created_metrics

from actuator import hangup, logs
from actuator.app import create_app
from actuator.commands.configured import read
from actuator.commands.ending import DONE, FAILED
from actuator.connections import PROMPT_LOOP, counting
from actuator.errors import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from actuator.credentials import Credentials
    from actuator.settings import Settings

log = structlog.get_logger(__name__)

_LAST_ANSWERS_SECONDS = 5
_BACKLOG = 1024


def serve(path: Path, settings: Settings, credentials: Credentials) -> int:
    """Serve until told to stop; returns the exit status.

    Args:
        path: The configuration file, read anew when told to reload.
        settings: What it says.
        credentials: What the files that it names say.

    Raises:
        ConfigurationError: the configuration cannot be used after all; nothing was served.
    """
    hangup.ignore()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server takes signals while it runs and hands them back once it has stopped; this is who gets them.
        signal.signal(number, _leave)
    logs.configure(sys.stderr)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it without a return type
    for caution in settings.cautions():
        log.warning("actuator.caution", message=caution)
    try:
        listener = listen(*settings.listen_address)
    except OSError as error:
        log.error("actuator.cannot_listen", message=_cannot_listen(settings.listen, error))  # noqa: TRY400 - a sentence is enough
        return FAILED
    with listener:
        try:
            app = create_app(settings, credentials, file=path, read=lambda: read(path))
        except StoreUnavailable as error:
            log.error("actuator.no_database", message=str(error))  # noqa: TRY400 - a sentence is enough
            return FAILED
        hangup.obey(app.state.reload)
        tls = app.state.tls
        options = uvicorn.Config(
            app,
            http=counting(app.state.refused),
            loop=PROMPT_LOOP,
            ssl_context_factory=None if tls is None else lambda *_: tls,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )
        try:
            _Server(options).run(sockets=[listener])
        finally:
            if getattr(app.state, "at_work", False):
                _leave_at_once()
    return DONE


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    # Taken before anything else is, so that a second actuator started by mistake touches neither database nor cluster.
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    # Inherited by every connection. asyncio sets it only on sockets whose protocol is named, which these do not do, and
    # without it an answer's body waits some 40 ms until the caller has acknowledged its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _cannot_listen(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is in use already: stop the other program (ss -ltnp shows it), or set 'listen' to a free port"
        )
    return f"cannot listen on {address} ({error.strerror}): set 'listen' to an address of this machine"


def _leave_at_once() -> NoReturn:
    """End without waiting for the threads, of which one hangs in a call; its job goes on from its last checkpoint."""
    log.warning(
        "actuator.left_a_call", message="a call to Proxmox did not end in time; its job goes on at the next start"
    )
    sys.stderr.flush()
    os._exit(0)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then log the address."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            log.info("actuator.listening", address=f"{host}:{port}", pid=os.getpid())
