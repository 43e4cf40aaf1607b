"""The part of a document that stands on one line: scalars, ``[flow, lists]``, ``{flow: mappings}``, and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Value = str | None | tuple["Node", ...] | Mapping[str, "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """A value: text, nothing (None), a list or a mapping; ``line`` is where its entry begins: its key or its dash."""

    value: Value
    line: int


class DocumentError(Exception):
    """What is wrong with a document, and in which line of it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


MOST_LEVELS = 32
"""How deep lists and mappings may stand in each other: far deeper than a configuration, far less than Python can."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.1, type null
_LONGEST_KEY = 1000  # YAML 1.1, section 9.3.1: a simple key ends within 1024 characters
_REFUSED = {
    "&": "an anchor (&)",
    "*": "an alias (*)",
    "!": "a tag (!)",
    "|": "a block scalar (|)",
    ">": "a block scalar (>)",
    "%": "a directive (%)",
    "?": "a '?'",
    "@": "a text that begins with @",
    "`": "a text that begins with `",
}
_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b"}
_ESCAPES |= {character: character for character in ' "/\\'}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.)|$)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|' r"'((?:[^']|'')*)'")
_KEY_END = re.compile(r":(?= |$)")
_COMMENT = re.compile(r" *(?: #.*)?")


class Inline:
    """Reads one line's text from ``start`` on; ``level`` is how deep in the document it stands."""

    def __init__(self, text: str, start: int, line: int, level: int) -> None:
        self._text = text
        self._at = start
        self._line = line
        self._level = level

    def key(self) -> tuple[str, int] | None:
        """Return the key that stands here and where its value begins; None when this is no ``key: value``."""
        begin = self._at
        if self._text[begin] in "\"'":
            key = self._quoted()
            end = _KEY_END.match(self._text, self._skip_spaces())
            if end is None:
                self._at = begin
                return None
        else:
            end = _KEY_END.search(self._text, begin)
            if end is None or self._text[begin] in "[{" or " #" in self._text[begin : end.start()]:
                return None
            key = self._plain_text(self._text[begin : end.start()])
            if key in _NULLS or key == "<<":
                raise self.refusal(f"the key {key!r}" if key else "a key without a name")
        if end.start() - begin > _LONGEST_KEY:
            raise self.refusal(f"a key of more than {_LONGEST_KEY} characters")
        self._at = end.end()
        return key, self._skip_spaces()

    def is_over(self) -> bool:
        """Say whether nothing but perhaps a comment is left of the line."""
        # A comment may begin right here only where a space, or the key's colon and a space, came before it.
        rest = self._text[self._at :]
        return not rest.strip(" ") or (rest.startswith("#") and self._text[self._at - 1 : self._at] == " ")

    def value(self) -> Value:
        """Return the value that fills the rest of the line.

        Raises:
            DocumentError: it is not understood, or something stands behind it.
        """
        if self._text[self._at] in "\"'[{":
            value = self._closed(self._level)
        else:
            end = self._text.find(" #", self._at)
            raw = self._text[self._at :] if end < 0 else self._text[self._at : end]
            self._at += len(raw)
            if _KEY_END.search(raw):
                raise self._error("expected one 'key: value' a line; put a text with a colon in quotes")
            text = self._plain_text(raw)
            value = None if text in _NULLS else text
        if not _COMMENT.fullmatch(self._text, self._at):
            raise self._error(
                f"expected nothing after this value but {self._text[self._at :].strip(' ')!r} stands there"
            )
        return value

    def refusal(self, what: str) -> DocumentError:
        """Return the error for YAML that is left out here."""
        return self._error(f"{what} is not understood here")

    def _closed(self, level: int) -> Value:
        # A value that says itself where it ends.
        opening = self._text[self._at]
        if opening == "[":
            return self._flow_list(level + 1)
        if opening == "{":
            return self._flow_mapping(level + 1)
        return self._quoted()

    def _flow_value(self, level: int) -> Node:
        if self._peek() in "\"'[{" and self._peek():
            return Node(self._closed(level), self._line)
        text = self._flow_plain()
        return Node(None if text in _NULLS else text, self._line)

    def _flow_plain(self) -> str:
        begin = self._at
        while (character := self._peek()) and character not in ",[]{}" and not _KEY_END.match(self._text, self._at):
            if character == "?" or self._text.startswith((" #", ":,", ":[", ":]", ":{", ":}"), self._at):
                raise self._error("expected a value in quotes here: it has characters with a meaning of their own")
            self._at += 1
        text = self._text[begin : self._at]
        if not text.strip(" ") or text[0] in "-:":
            raise self._error("expected a value, or quotes around it, between commas and brackets")
        return self._plain_text(text)

    def _flow_list(self, level: int) -> tuple[Node, ...]:
        items: list[Node] = []
        self._open(level)
        while not self._close("]", first=not items):
            items.append(self._flow_value(level))
        return tuple(items)

    def _flow_mapping(self, level: int) -> Mapping[str, Node]:
        entries: dict[str, Node] = {}
        self._open(level)
        while not self._close("}", first=not entries):
            begin = self._at
            plain = self._peek() not in {'"', "'"}
            key = self._flow_plain() if plain else self._quoted()
            end = _KEY_END.match(self._text, self._skip_spaces())
            if end is None or self._at - begin > _LONGEST_KEY or (plain and (key in _NULLS or key == "<<")):
                raise self._error("expected 'key: value' between { and }")
            if key in entries:
                raise self._error(f"{key!r} stands here twice")
            self._at = end.end()
            self._skip_spaces()
            entries[key] = self._flow_value(level)
        return entries

    def _open(self, level: int) -> None:
        if level > MOST_LEVELS:
            raise self._error(f"expected at most {MOST_LEVELS} levels")
        self._at += 1

    def _close(self, bracket: str, *, first: bool) -> bool:
        # Step over the closing bracket, or to the next value.
        self._skip_spaces()
        if self._peek() == bracket:
            self._at += 1
            return True
        if not first:
            if self._peek() != ",":
                raise self._error(f"expected ',' or {bracket!r}; it must be closed in the same line")
            self._at += 1
            self._skip_spaces()
        return False

    def _quoted(self) -> str:
        match = _QUOTED.match(self._text, self._at)
        if match is None:
            raise self._error("expected the closing quote in the same line")
        self._at = match.end()
        if match[1] is None:
            return match[2].replace("''", "'")
        return _ESCAPE.sub(self._escaped, match[1])

    def _escaped(self, match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits is None:
            if match[4] not in _ESCAPES:
                raise self._error(f"expected an escape of YAML, not {match[0]!r}; write a backslash as \\\\")
            return _ESCAPES[match[4]]
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - Unicode's end, and its surrogates
            raise self._error(f"expected a character's number, not {match[0]!r}")
        return chr(code)

    def _plain_text(self, raw: str) -> str:
        text = raw.strip(" ")
        if text and text[0] in _REFUSED:
            raise self.refusal(_REFUSED[text[0]])
        if text and (text[0] in ",]}#\"'" or text == "-" or text.startswith("- ")):
            raise self._error(f"expected a value, not {text[0]!r}; put the text in quotes")
        return text

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_spaces(self) -> int:
        while self._peek() == " ":
            self._at += 1
        return self._at

    def _error(self, message: str) -> DocumentError:
        return DocumentError(self._line, message)
