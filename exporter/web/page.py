"""What a page is: a function from what was asked to what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message  # noqa: TC003 - the fields of the types below, part of their meaning
from http import HTTPStatus

PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of a page: the query's values by name, and the headers, looked up whatever their case."""

    query: Mapping[str, Sequence[str]]
    headers: Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers; ``headers`` are those beside Content-Type and Content-Length."""

    body: bytes
    kind: str = PLAIN
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Page = Callable[[Request], Answer]
