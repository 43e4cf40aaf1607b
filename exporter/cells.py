"""How wide text stands on a terminal: in cells, of which an East Asian character takes two (Unicode, annex 11)."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Return how many cells the text takes; a character that is put onto the one before takes none."""
    return sum(map(_cells, text))


def fit(text: str, cells: int) -> str:
    """Return as much of the text's beginning as stands in so many cells."""
    taken = 0
    for index, character in enumerate(text):
        taken += _cells(character)
        if taken > cells:
            return text[:index]
    return text


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
