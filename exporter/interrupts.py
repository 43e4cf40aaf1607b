"""The signals that end a command in the middle of what it does, by an exception in the main thread."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Interrupts:
    """Takes the first of these signals for the word to end: KeyboardInterrupt for SIGINT, else exit status 128 + n.

    It is held back where half of something would be left undone, and what comes after it is passed over, so that a
    second Ctrl-C cannot keep the children from being ended. A signal that is ignored (nohup) stays so.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._is_held = False
        self._first: int | None = None
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing interrupt the block; what came meanwhile is raised at its end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        self._leave()

    def _hear(self, number: int, _frame: object) -> None:
        if self._first is None:
            self._first = number
            if not self._is_held:
                self._leave()

    def _leave(self) -> None:
        if self._first == signal.SIGINT:
            raise KeyboardInterrupt
        if self._first is not None:
            sys.exit(128 + self._first)
