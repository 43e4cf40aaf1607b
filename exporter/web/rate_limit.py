"""At most so many requests at once, and one more each while: a token bucket."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RateLimiter:
    """A bucket of ``burst`` tokens, into which one drops each ``interval`` seconds."""

    def __init__(self, interval: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._burst = burst
        self._now = now
        self._tokens = float(burst)
        self._filled = now()
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Take a token, if there is one."""
        with self._lock:
            now = self._now()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) / self._interval)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
