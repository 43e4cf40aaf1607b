"""The little of Markdown that the pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

WRITTEN: Final = "<!-- Written from the code by `make reference`: change it there. -->\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; a bar within a cell does not end it."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def sentence(text: str) -> str:
    """Return a meaning as a cell has it: on one line, code as Markdown marks it, no mark of the end."""
    return " ".join(text.split()).replace("``", "`").removesuffix(".")


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`"
