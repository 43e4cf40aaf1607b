"""The nodes as they were seen newest: one look for all who watch, and none while nobody does.

A look at Proxmox may hang for seconds. A page never waits for it that long, since its jobs are news by themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from actuator.api.nodes import NodesAnswer
from actuator.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look showed.

    Attributes:
        answer: As ``GET /api/v1/nodes`` tells it.
        age_seconds: How long ago.
    """

    answer: NodesAnswer
    age_seconds: float


class Sight:
    """Looks when what it has is old, and only once at a time.

    Args:
        look: Takes one look.
        clock: Seconds since any moment, never back.
        fresh_seconds: How old a look may be to stand for a new one.
    """

    def __init__(
        self, look: Callable[[], Awaitable[NodesAnswer]], *, clock: Callable[[], float], fresh_seconds: float = 1.5
    ) -> None:
        self._look = look
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._newest: tuple[NodesAnswer, float] | None = None
        self._trouble: StoreUnavailable | None = None
        self._looking: asyncio.Task[None] | None = None

    async def nodes(self, patience: float) -> Seen | None:
        """Return the newest look, which may be an old one while the next is under way; None before the first.

        Args:
            patience: How long the next one is waited for, in seconds.

        Raises:
            StoreUnavailable: The look needs our own memory too, which cannot be read.
        """
        looking = self._looking
        if looking is None or (looking.done() and self._old):
            looking = self._looking = asyncio.create_task(self._take())
        if not looking.done():
            await asyncio.wait({looking}, timeout=patience)
        if self._trouble is not None:
            raise self._trouble
        if looking.done() and not looking.cancelled():
            looking.result()  # raises what is a defect
        return None if self._newest is None else Seen(self._newest[0], self._clock() - self._newest[1])

    @property
    def _old(self) -> bool:
        return self._newest is None or self._clock() - self._newest[1] >= self._fresh_seconds

    async def _take(self) -> None:
        try:
            self._newest, self._trouble = (await self._look(), self._clock()), None
        except StoreUnavailable as error:
            self._trouble = error  # kept, since whoever asked may not wait for it
