"""A terminal drawn on in place, and given back as it was."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from exporter.live import cut

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# Control sequences of ECMA-48, and xterm's private modes, which the Linux console and all terminals of today know.
_ENTER = "\033[?1049h\033[?25l"  # the other screen, without a cursor
_LEAVE = "\033[?25h\033[?1049l"
_HOME = "\033[H"
_TO_LINE_END = "\033[K"
_TO_END = "\033[J"
_CLEAR = _HOME + _TO_END


class Screen:
    """Draws whole frames over each other while entered; leaves the terminal as it found it.

    That is so while it is stopped, too (Ctrl-Z): the shell gets its own screen and cursor, until ``fg``.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def enter(self) -> None:
        """Go to the other screen, without a cursor."""
        signal.signal(signal.SIGTSTP, self._stop)
        self._write(_ENTER)

    def leave(self) -> None:
        """Give the terminal back, entered or not."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._write(_LEAVE)

    def _stop(self, number: int, _frame: object) -> None:
        self._write(_LEAVE)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # goes on here after SIGCONT
        signal.signal(number, self._stop)
        self._write(_ENTER + _CLEAR)

    def _size(self) -> tuple[int, int]:
        found = os.get_terminal_size(self._out.fileno())
        return (found.columns or 80, found.lines or 24)  # a terminal that does not tell says 0

    def draw(self, lines: Sequence[str]) -> None:
        """Show as many of these lines as fit, and nothing else. No line end after the last, which would scroll."""
        fitting = cut(lines, *self._size())
        self._write(_HOME + f"{_TO_LINE_END}\n".join(fitting) + _TO_LINE_END + _TO_END)

    def _write(self, text: str) -> None:
        # Past Python's buffer, which a signal's handler must not enter while the frame is in it.
        rest = text.encode(self._out.encoding, self._out.errors or "strict")
        while rest:
            rest = rest[os.write(self._out.fileno(), rest) :]
