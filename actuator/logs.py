"""Logging: events as facts, one stream for us and the libraries; console when somebody watches, else a line of JSON."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

if TYPE_CHECKING:
    from typing import TextIO

_QUIET = ("uvicorn", "proxmoxer", "urllib3", "sse_starlette")
"""Loggers that say what we say better, or that would show bodies of requests."""


_SPARED = ("socket.accept() out of system resource", "Invalid HTTP request received", "Exceeded concurrency limit")
"""What libraries (asyncio, uvicorn) say again for every connection of a flood, by its beginning."""

_SPARED_SECONDS = 60.0


class Sparing(logging.Filter):
    """Lets such a line through once a minute, so that no stranger can fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to log this."""
        text = str(record.msg)
        kind = next((beginning for beginning in _SPARED if text.startswith(beginning)), None)
        if kind is None:
            return True
        if 0 <= record.created - self._told.get(kind, -_SPARED_SECONDS) < _SPARED_SECONDS:
            return False
        self._told[kind] = record.created
        return True


def configure(stream: TextIO) -> None:
    """Send every log line to this stream.

    Args:
        stream: Standard error as a rule; a terminal gets the console's form.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    handler.addFilter(Sparing())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(stream: TextIO) -> list[Any]:
    # Neither form shows the local variables of a traceback: among them are requests with their Authorization header.
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return [tracebacks, structlog.processors.JSONRenderer(default=str)]
