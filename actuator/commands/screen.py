"""What a terminal or a pipe is shown: tables, one line that changes in place, and nothing that a stranger controls."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# Control sequences of ECMA-48, which every terminal of today and the Linux console know.
_CLEAR_LINE = "\r\033[K"
_GAP = "  "
_FULL, _EMPTY = "█", "░"
_PLAIN_FULL, _PLAIN_EMPTY = "#", "."
_BAR_CELLS = 24


def printable(text: object) -> str:
    """Return text that can go to a terminal: no control character reaches it as such."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns, each as wide as its widest cell; the last is as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = (
        _GAP.join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def cut(text: str, out: TextIO) -> str:
    """Return lines that fit a terminal, each on one of its lines; unchanged for a pipe."""
    if not out.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(line if len(line) <= width else f"{line[: width - 3]}..." for line in text.splitlines())


def bar(share: float, *, plain: bool) -> str:
    """Return a progress bar.

    Args:
        share: 0 to 1; what is beyond is cut.
        plain: In ASCII.
    """
    full, empty = (_PLAIN_FULL, _PLAIN_EMPTY) if plain else (_FULL, _EMPTY)
    filled = round(min(max(share, 0.0), 1.0) * _BAR_CELLS)
    return full * filled + empty * (_BAR_CELLS - filled)


class Screen:
    """Lines that stay, and on a terminal one below them that changes in place.

    Args:
        out: Where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = False
        self.is_terminal = out.isatty() and os.environ.get("TERM") != "dumb"
        self.plain = "utf" not in (out.encoding or "").lower()

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self._clear()
        self._out.write(f"{text}\n")
        self._out.flush()

    def live(self, text: str) -> None:
        """Show this in the place of what was shown so before; nothing when nobody watches."""
        if not self.is_terminal:
            return
        self._clear()
        width = shutil.get_terminal_size().columns
        self._out.write(text[: max(1, width - 1)])
        self._out.flush()
        self._live = True

    def end(self) -> None:
        """Leave nothing that changes."""
        self._clear()
        self._out.flush()

    def _clear(self) -> None:
        if self._live:
            self._out.write(_CLEAR_LINE)
            self._live = False
