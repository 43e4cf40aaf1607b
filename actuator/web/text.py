"""Figures as a person reads them. What is not known is said to be unknown, and never shown as 0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "unknown"

_MIB, _GIB = 1024**2, 1024**3
_MINUTE, _HOUR = 60, 3600


def watts(figure: float | None) -> str:
    """Return a power."""
    return UNKNOWN if figure is None else f"{figure:.1f} W"


def change(figure: float) -> str:
    """Return by how much a power changed, with its sign."""
    return f"{figure:+.1f} W".replace("-", "\N{MINUS SIGN}")


def span(seconds: float) -> str:
    """Return how long something took, to two figures or three."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if seconds < _HOUR:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(count: float) -> str:
    """Return an amount of memory."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / _MIB:.0f} MiB"


def clock_time(at: datetime) -> str:
    """Return a time in full; the script of the page shows it in the reader's own zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_time(at: datetime) -> str:
    """Return a time as HTML's ``datetime`` wants it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def words(name: object) -> str:
    """Return a name of one of our closed sets as words: ``awaiting_ready`` is "awaiting ready"."""
    return str(name).replace("_", " ")
