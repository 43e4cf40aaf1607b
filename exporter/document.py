r"""Configuration documents: a small, strict part of YAML, with the line of everything.

Understood are block mappings and lists, flow lists and mappings within a line, plain and quoted scalars within a line,
comments, and a ``---`` at the start. Everything is text, except that an empty value, ``~`` and ``null`` are nothing.
The rest of YAML (anchors, tags, values over several lines, tabs, ...) is refused with a sentence; what is accepted
means what it means in YAML 1.1 (https://yaml.org/spec/1.1/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.inline import MOST_LEVELS, DocumentError, Inline, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.inline import Value

__all__ = ["DocumentError", "Node", "parse"]

# YAML 1.1, section 4.1.1, less what it takes for a line break beside the line feed, and the byte order mark.
_REFUSED = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MARKER = re.compile(r"(?:---|\.\.\.)(?: |$)")
_DASH = re.compile(r"-(?: +|$)")


def parse(text: str) -> Node:
    """Return what ``text`` says; an empty text is nothing (None).

    Raises:
        DocumentError: it is not in the part of YAML that is understood here.
    """
    lines = _lines(text)
    if lines and lines[0].text == "---":
        del lines[0]
    for line in lines:
        if _MARKER.match(line.text):
            raise DocumentError(
                line.number, f"expected one document: a further {line.text[:3]!r} is not understood here"
            )
    if not lines:
        return Node(None, 1)
    blocks = _Blocks(lines)
    root = Node(blocks.block(1), lines[0].number)
    blocks.expect_end()
    return root


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    indent: int


def _lines(text: str) -> list[_Line]:
    # The lines that say something.
    found = []
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        refused = _REFUSED.search(raw)
        if refused:
            name = "a tab" if refused[0] == "\t" else f"the character U+{ord(refused[0]):04X}"
            raise DocumentError(number, f"{name} is not understood here: indent with spaces, and write text in UTF-8")
        line = raw.rstrip(" ")
        content = line.lstrip(" ")
        if content and not content.startswith("#"):
            found.append(_Line(number, line, len(line) - len(content)))
    return found


class _Blocks:
    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._next = 0

    def block(self, level: int) -> Value:
        """Return the list, the mapping or the value that begins with the next line."""
        line = self._lines[self._next]
        if level > MOST_LEVELS:
            raise DocumentError(line.number, f"expected at most {MOST_LEVELS} levels")
        if _DASH.match(line.text, line.indent):
            return self._list(line.indent, level)
        if Inline(line.text, line.indent, line.number, level).key() is not None:
            return self._mapping(line.indent, level)
        self._next += 1
        return Inline(line.text, line.indent, line.number, level).value()

    def expect_end(self) -> None:
        """Refuse lines that belong to nothing."""
        if self._next < len(self._lines):
            raise self._stray(self._lines[self._next])

    def _list(self, indent: int, level: int) -> tuple[Node, ...]:
        items: list[Node] = []
        while (line := self._line_at(indent)) and (dash := _DASH.match(line.text, indent)):
            rest = Inline(line.text, dash.end(), line.number, level)
            if dash.end() == len(line.text) or rest.is_over():
                self._next += 1
                items.append(Node(self._below(indent, level), line.number))
            else:
                # What follows the dash is a block of its own, indented to where it stands.
                self._lines[self._next] = _Line(line.number, line.text, dash.end())
                items.append(Node(self.block(level + 1), line.number))
        return tuple(items)

    def _mapping(self, indent: int, level: int) -> Mapping[str, Node]:
        entries: dict[str, Node] = {}
        while line := self._line_at(indent):
            if _DASH.match(line.text, indent):
                raise self._stray(line)
            found = Inline(line.text, indent, line.number, level).key()
            if found is None:
                raise self._stray(line)
            key, start = found
            if key in entries:
                first = entries[key].line
                raise DocumentError(line.number, f"{key!r} stands here twice, first in line {first}")
            rest = Inline(line.text, start, line.number, level)
            self._next += 1
            value = self._below(indent, level, in_mapping=True) if rest.is_over() else rest.value()
            entries[key] = Node(value, line.number)
        return entries

    def _below(self, indent: int, level: int, *, in_mapping: bool = False) -> Value:
        # The value of an entry whose line is over: the block under it, if any. A mapping's list need not be indented.
        if self._next == len(self._lines):
            return None
        line = self._lines[self._next]
        if line.indent > indent or (in_mapping and line.indent == indent and _DASH.match(line.text, indent)):
            return self.block(level + 1)
        return None

    def _line_at(self, indent: int) -> _Line | None:
        # The next line of a block; None where the block ends.
        if self._next == len(self._lines) or self._lines[self._next].indent < indent:
            return None
        line = self._lines[self._next]
        if line.indent > indent:
            raise self._stray(line)
        return line

    @staticmethod
    def _stray(line: _Line) -> DocumentError:
        return DocumentError(
            line.number,
            "expected 'key: value' or '- value', indented like its neighbours; a value ends with its line here",
        )
