"""Waiting for a look at Proxmox, for a bounded time, and what is answered when none comes."""

import asyncio
from concurrent.futures import Future
from typing import TypeVar

from actuator.api.problems import refused
from actuator.errors import Permanent, Temporary

Seen = TypeVar("Seen")


async def seen(look: Future[Seen], seconds: float) -> Seen:
    """Return what was seen.

    Args:
        look: Taken by another thread; given up when time is over.
        seconds: How long it is waited for.

    Raises:
        Refused: 503 with the reason as a sentence: Proxmox cannot be asked.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(look)
    except TimeoutError:
        raise refused(
            503,
            f"Proxmox did not answer within {seconds:g} s, so nothing can be told; try again, and see its load.",
            headers={"Retry-After": "5"},
        ) from None
    except (Temporary, Permanent) as error:
        raise refused(503, f"Proxmox cannot be asked: {error}.", headers={"Retry-After": "5"}) from None
