"""A mapping of a configuration file whose keys are known, read entry by entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from exporter.document import DocumentError, Node

if TYPE_CHECKING:
    from collections.abc import Collection

_YES = frozenset({"true", "yes", "on", "y"})  # YAML 1.1, type bool
_NO = frozenset({"false", "no", "off", "n"})
# Go's time.ParseDuration, less signs, and with bounds on the digits.
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_DURATION = re.compile(f"(?:{_PART.pattern}){{1,16}}")
_NANOSECONDS = {
    "ns": 1,
    "us": 1000,
    "\u00b5s": 1000,  # the micro sign
    "\u03bcs": 1000,  # the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_QUOTED = 60  # characters of a value that a message repeats
_LONGEST = 1 << 63  # nanoseconds: what Go can say


class Section:
    """The mapping ``node``, called ``name``; ``keys`` are those it may have, or anything at all.

    Raises:
        DocumentError: it is no mapping, or has a key that is not known.
    """

    def __init__(self, node: Node, name: str, keys: Collection[str] | None = None) -> None:
        if not isinstance(node.value, Mapping | None):
            raise DocumentError(node.line, f"expected 'key: value' lines under {name}")
        self.entries: Mapping[str, Node] = node.value or {}
        self.line = node.line
        self._name = name
        for key, value in self.entries.items():
            if keys is not None and key not in keys:
                raise DocumentError(value.line, f"{key!r} is not known in {name}: expected {', '.join(keys)}")

    def section(self, key: str, keys: Collection[str] | None = None) -> Section:
        """Return the mapping of that key, without entries when there is none."""
        return Section(self.entries.get(key, Node(None, self.line)), key, keys)

    def line_of(self, key: str) -> int:
        """Return the line of an entry; the section's own when it is not there."""
        return self.entries[key].line if key in self.entries else self.line

    def error(self, key: str, expected: str) -> DocumentError:
        """Return the error of a value that is not what was expected."""
        return DocumentError(self.line_of(key), f"{key}: expected {expected}")

    def text(self, key: str) -> str | None:
        """Return a text; None when it is absent or empty."""
        value = self.entries[key].value if key in self.entries else None
        if not isinstance(value, str | None):
            raise self.error(key, "one value")
        return value or None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; None when it is absent."""
        value = self.entries[key].value if key in self.entries else None
        if value is None:
            return None
        texts = tuple(item.value for item in value) if isinstance(value, tuple) else ()
        found = tuple(text for text in texts if isinstance(text, str) and text)
        if not found or len(found) != len(texts):
            raise self.error(key, "a list with at least one value, as in [a, b]")
        return found

    def switch(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        text = self.text(key)
        if text is None:
            return default
        if text.lower() not in _YES | _NO:
            raise self.error(key, f"true or false, not {shortened(text)}")
        return text.lower() in _YES

    def seconds(self, key: str) -> float:
        """Return the seconds of a duration as Go writes it (``1s``, ``1m30s``, ``1.5h``, ``100ms``); 0 when absent."""
        text = self.text(key) or "0"
        if text == "0":
            return 0.0
        if not _DURATION.fullmatch(text):
            raise self.error(key, f"a duration such as 1s or 100ms, not {shortened(text)}")
        nanoseconds = sum(float(number) * _NANOSECONDS[unit] for number, unit in _PART.findall(text))
        if nanoseconds >= _LONGEST:
            raise self.error(key, "a duration of less than 292 years")
        return int(nanoseconds) / 1e9

    def number(self, key: str) -> int:
        """Return a whole number; 0 when it is absent."""
        text = self.text(key) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - far above every sensible one
            raise self.error(key, f"a whole number, not {shortened(text)}")
        return int(text)


def shortened(text: str) -> str:
    """Return how a message quotes a text of a file that may be of any length."""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}..."
