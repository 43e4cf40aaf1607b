"""Server-sent events, taken apart (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def read_events(chunks: Iterable[bytes]) -> Iterator[tuple[int | None, str]]:
    """Yield each event's id, None when it has none or it is no number, and its data.

    Args:
        chunks: The stream, cut anywhere. What is left without its blank line at the end is no event.
    """
    number: int | None = None
    data: list[str] = []
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield number, "\n".join(data)
            number, data = None, []
        elif name == "data":
            data.append(value)
        elif name == "id" and value.isascii() and value.isdigit():
            number = int(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        rest += decoder.decode(chunk)
        # A carriage return at the end may be half of a line end.
        whole = rest.removesuffix("\r")
        *lines, last = whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rest = last + rest[len(whole) :]
        yield from lines
