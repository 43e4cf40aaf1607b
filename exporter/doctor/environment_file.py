"""The service's environment file as systemd reads it (EnvironmentFile=, systemd.exec(5)), never as shell code.

The rules are those of ``src/basic/env-file.c`` and ``src/basic/extract-word.c`` of systemd 254 and later. Older ones
take the line after a comment that ends in a backslash for a comment too.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANKS = " \t"
_LINE_ENDS = "\n\r"
_ESCAPED_IN_QUOTES = '"\\`$'  # before anything else a backslash is one


def parse(text: str) -> dict[str, str]:
    """Return the variables that ``text`` sets; the last of a name counts, and what assigns nothing is passed over.

    Nothing is an error: a quote that is not closed runs to the end of the file.
    """
    found = {}
    rest = iter(text)  # each part takes from it what is its own
    while name := _name(rest):
        found[name] = _value(rest)
    return found


def words(value: str) -> list[str]:
    """Return the arguments that ``$ARGS`` becomes in a unit's command line.

    It is split at blanks and line ends that are not in quotes. A backslash makes the next character one like others,
    in quotes of both kinds too. Nothing is an error: the end closes a quote.
    """
    found: list[str] = []
    word: str | None = None  # none has begun; an empty one begins with a quote
    quote = ""
    rest = iter(value)
    for char in rest:
        if char == "\\":
            word = (word or "") + next(rest, "")
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, word = char, word or ""
        elif quote or char not in _BLANKS + _LINE_ENDS:
            word = (word or "") + char
        elif word is not None:
            found.append(word)
            word = None
    return found if word is None else [*found, word]


def _name(rest: Iterator[str]) -> str:
    """Take up to the "=" of the next assignment; return its name, empty when there is none."""
    name = ""
    for char in rest:
        if char in _LINE_ENDS:
            name = ""
        elif name and char == "=":
            return name.rstrip(_BLANKS)
        elif name or char not in _BLANKS + "#;":
            name += char
        elif char in "#;":
            _to_line_end(rest)
    return ""


def _to_line_end(rest: Iterator[str]) -> None:
    for char in rest:
        if char in _LINE_ENDS:
            return


def _value(rest: Iterator[str]) -> str:
    """Take parts in quotes, then the rest of the line, in which quotes are characters like others."""
    value = ""
    kept = 0  # characters up to the last that is no blank, or is quoted or escaped
    bare = False
    for char in rest:
        if char in _LINE_ENDS:
            break
        if char == "\\":
            escaped = next(rest, "")
            value += "" if escaped in _LINE_ENDS else escaped
            bare = True
        elif bare:
            value += char
        elif char == "'":
            value += "".join(takewhile(lambda inside: inside != "'", rest))
        elif char == '"':
            value += _in_double_quotes(rest)
        elif char not in _BLANKS:
            value += char
            bare = True
        if char not in _BLANKS:
            kept = len(value)
    return value[:kept]


def _in_double_quotes(rest: Iterator[str]) -> str:
    found = ""
    for char in rest:
        if char == '"':
            break
        if char == "\\":
            escaped = next(rest, "\n")  # a line that goes on; at the end it is nothing either
            found += "" if escaped == "\n" else escaped if escaped in _ESCAPED_IN_QUOTES else char + escaped
        else:
            found += char
    return found
