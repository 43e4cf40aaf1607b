"""The signals that end a program, heard whichever thread they reach."""

from __future__ import annotations

import os
import signal


class Ending:
    """Takes these signals for the word to end; made and waited for by the main thread, as Python's signals want it.

    It waits at a pipe, since a main thread that waits for a lock may never hear: the kernel may give a signal to any
    thread, Python handles it in the main one alone, and nothing but the pipe (signal.set_wakeup_fd) wakes that one.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = frozenset(numbers)
        self._heard, told = os.pipe()
        os.set_blocking(told, False)  # Python's condition; a pipe full of signals says enough
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants SIGHUP
                signal.signal(number, lambda *_: None)

    def wait(self) -> None:
        """Return once one of them has come, before or while waiting."""
        while os.read(self._heard, 1)[0] not in self._numbers:
            pass
