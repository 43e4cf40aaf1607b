"""A lock that is given in the order in which it was asked for.

`threading.Lock` goes to whichever thread the system wakes, often to the one that has just given it up. In a storm of
writers one of them would wait for many turns of the others, though each turn is short.
"""

from __future__ import annotations

import threading
from collections import deque


class Turn:
    """Held by one thread at a time; nobody passes those who wait."""

    def __init__(self) -> None:
        self._own = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for one's turn, so many seconds at most; whether it came. Who got it gives it back by `release`."""
        with self._own:
            if not self._held:
                self._held = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._own:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it was handed over in that very moment

    def release(self) -> None:
        """Give it to the one who has waited longest."""
        with self._own:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False
