"""Requests that end in an error answer: each one is counted, and logged as long as the log can bear it."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from fastapi import Request

log = structlog.get_logger(__name__)

_WINDOW_SECONDS = 60.0
_LINES = 10
"""For each status and window: a caller that keeps failing must not fill the disk."""

_SHOWN_CHARACTERS = 300


@dataclass(slots=True)
class _Window:
    begun: float
    lines: int = 0
    suppressed: int = 0


class Refusals:
    """Hears of every request that was refused, whoever sent it."""

    def __init__(self, counted: Callable[[int], None], *, clock: Callable[[], float]) -> None:
        """Wire it.

        Args:
            counted: Hears of each one's status.
            clock: Seconds since any moment, never back.
        """
        self._counted = counted
        self._clock = clock
        self._windows: defaultdict[int, _Window] = defaultdict(lambda: _Window(self._clock()))

    def note(self, request: Request, status: int, message: str) -> None:
        """Count a refusal, and log it unless there were too many of its status within the minute.

        Neither headers nor body are logged: the one holds tokens, the other whatever a stranger likes.

        Args:
            request: What was refused.
            status: Of the answer.
            message: The answer's sentence.
        """
        self._counted(status)
        suppressed = self._admitted(self._windows[status])
        if suppressed is None:
            return
        log.warning(
            "request.refused",
            status=status,
            method=_shown(request.method),
            path=_shown(request.scope["path"]),
            requested_by=getattr(request.state, "caller", None),
            peer=request.client.host if request.client else None,
            message=_shown(message),
            suppressed=suppressed,
        )

    def _admitted(self, window: _Window) -> int | None:
        """Return how many lines were left out before this one, or None when this one is left out too."""
        now = self._clock()
        if now >= window.begun + _WINDOW_SECONDS:
            window.begun, window.lines = now, 0
        if window.lines == _LINES:
            window.suppressed += 1
            return None
        window.lines += 1
        suppressed, window.suppressed = window.suppressed, 0
        return suppressed


def _shown(text: str) -> str:
    """Return a stranger's text as one short line."""
    printable = "".join(character if character.isprintable() else "?" for character in text[:_SHOWN_CHARACTERS])
    return printable if len(text) <= _SHOWN_CHARACTERS else printable[:-1] + "…"
