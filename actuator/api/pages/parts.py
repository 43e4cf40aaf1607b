"""What the pages have of their own beside `actuator.api.services`, and how their routes get at it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from actuator.api.pages.sessions import Sessions
from actuator.api.pages.sight import Sight

Seen = TypeVar("Seen")

_THREADS = 4


@dataclass(slots=True)
class Parts:
    """What lives as long as the application.

    Attributes:
        sight: The nodes, as they were seen newest.
        sessions: Who is signed in.
        clock: Seconds since any moment, never back.
        look_patience: How long a page that is opened waits for a look at the nodes, in seconds.
        poll_seconds: How often a page that is watched looks for news.
        beat_seconds: How often such a page hears from us at least.
        send_seconds: How long a browser may take nothing of what it is sent, before it is given up.
        watching: Pages that are watched at present.
    """

    sight: Sight
    sessions: Sessions = field(default_factory=lambda: Sessions(clock=time.monotonic))
    clock: Callable[[], float] = time.monotonic
    look_patience: float = 2.0
    poll_seconds: float = 0.5
    beat_seconds: float = 5.0
    send_seconds: float = 30.0
    watching: int = 0
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_THREADS))

    async def aside(self, look: Callable[[], Seen]) -> Seen:
        """Look into the database, or render, in one of the few threads that pages may keep busy.

        Alerts are taken in by threads too: a database that hangs under many pages must leave them some.
        """
        return await to_thread.run_sync(look, limiter=self._threads)


async def _parts(request: Request) -> Parts:
    parts = request.app.state.page
    assert isinstance(parts, Parts)  # noqa: S101 - tells the type checker what the application put there
    return parts


Paged = Annotated[Parts, Depends(_parts)]
