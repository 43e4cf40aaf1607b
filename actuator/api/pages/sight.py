"""The nodes as they were seen newest: one look for all who watch, and none while nobody does.

A look at Proxmox may hang for seconds. A page never waits for it that long, since its jobs are news by themselves.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from actuator.api.nodes import NodesAnswer
from actuator.errors import StoreUnavailable

NOT_SEEN: Final = (
    "The nodes are being looked at; what Proxmox and Prometheus tell of them is shown as soon as they have answered."
)
"""What is said while there is no look."""


class Sight:
    """Looks when what it has is old, and only once at a time.

    Args:
        look: Takes one look.
        clock: Seconds since any moment, never back.
        fresh_seconds: How old a look may be to stand for a new one.
        kept_seconds: How old one may be to be shown while the next is under way; longer than any look takes, so that
            only what was seen before everybody left is forgotten.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[NodesAnswer]],
        *,
        clock: Callable[[], float],
        fresh_seconds: float = 1.5,
        kept_seconds: float = 30.0,
    ) -> None:
        self._look = look
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._kept_seconds = kept_seconds
        self._newest: tuple[NodesAnswer, float] | None = None
        self._trouble: StoreUnavailable | None = None
        self._looking: asyncio.Task[None] | None = None

    async def nodes(self, patience: float) -> NodesAnswer | None:
        """Return the newest look, which may be the one before while the next is under way; None when there is none.

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
        return None if self._newest is None or self._age >= self._kept_seconds else self._newest[0]

    @property
    def _old(self) -> bool:
        return self._age >= self._fresh_seconds

    @property
    def _age(self) -> float:
        return math.inf if self._newest is None else self._clock() - self._newest[1]

    async def _take(self) -> None:
        try:
            self._newest, self._trouble = (await self._look(), self._clock()), None
        except StoreUnavailable as error:
            self._trouble = error  # kept, since whoever asked may not wait for it
