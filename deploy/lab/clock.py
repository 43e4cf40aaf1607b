"""The lab's time: running at a chosen speed, or standing still until a test moves it."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Lab time, in seconds since the epoch, like the clock of a simulated node."""

    def now(self) -> float:
        """Return the lab's time."""

    def real_seconds(self, lab_seconds: float) -> float | None:
        """Return how long ``lab_seconds`` take in the real world; None when only a test moves this clock."""

    def measured(self, moment: float) -> float:
        """Return the lab's ``moment`` in the seconds that meters count: energy flows in real time."""


class RunningClock:
    """Starts at the real time and runs ``speed`` times as fast, so a task never starts before it was asked for."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._epoch = time.time()
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the lab's time."""
        return self._epoch + (time.monotonic() - self._started) * self._speed

    def real_seconds(self, lab_seconds: float) -> float:
        """Return how long ``lab_seconds`` take in the real world."""
        return lab_seconds / self._speed

    def measured(self, moment: float) -> float:
        """Return the real time: whoever reads the meters lives in it."""
        del moment
        return time.monotonic()


class ManualClock:
    """Stands still until ``advance``; starts at the real time unless told otherwise."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the lab's time."""
        with self._lock:
            return self._now

    def real_seconds(self, lab_seconds: float) -> None:
        """Return None: no real time brings anything about here."""
        del lab_seconds

    def measured(self, moment: float) -> float:
        """Return ``moment`` itself."""
        return moment

    def advance_to(self, moment: float) -> None:
        """Move to ``moment``; never back."""
        with self._lock:
            self._now = max(self._now, moment)
