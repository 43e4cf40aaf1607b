"""A scraper as Prometheus is one: a connection that is kept, its headers, and the time that an answer took."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

# What Prometheus 2.53 sends (scrape/scrape.go).
_REQUEST = (
    "GET {path} HTTP/1.1\r\n"
    "Host: {host}:{port}\r\n"
    "User-Agent: Prometheus/2.53.3\r\n"
    "Accept: application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n"
    "Accept-Encoding: gzip\r\n"
    "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n"
    "\r\n"
)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_PATIENCE_SECONDS = 120.0


class NoAnswer(Exception):
    """The exporter closed the connection or did not speak HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One answer: its status, its body as sent, and the seconds from the request's first byte to its last."""

    status: int
    body: bytes
    seconds: float


def receive(read: Callable[[], bytes]) -> tuple[int, bytes]:
    """Return status and body of one answer, from a function that gives the next bytes.

    Raises:
        NoAnswer: the bytes end too early, or are not an answer with a known length.
    """
    text = b""
    while (end := text.find(b"\r\n\r\n")) < 0:
        text += _more(read)
    head, body = text[: end + 2], text[end + 4 :]
    status, length = _STATUS.match(head), _LENGTH.search(head)
    if status is None or not (length or _CHUNKED.search(head)):
        raise NoAnswer(f"the exporter answered {head[:200]!r}")
    while len(body) < int(length[1]) if length else not (b"\r\n" + body).endswith(_LAST_CHUNK):
        body += _more(read)
    return int(status[1]), body


def _more(read: Callable[[], bytes]) -> bytes:
    part = read()
    if not part:
        raise NoAnswer("the exporter closed the connection in the middle of an answer")
    return part


class Scraper:
    """Scrapes one path of one exporter, over one connection."""

    def __init__(self, port: int, path: str = "/metrics", patience: float = _PATIENCE_SECONDS) -> None:
        host = "127.0.0.1"
        self._request = _REQUEST.format(path=path, host=host, port=port).encode()
        self._socket = socket.create_connection((host, port), patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go's dialer sets it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def scrape(self) -> Scraped:
        """Scrape once.

        Raises:
            NoAnswer: see there.
            OSError: the connection is lost, or nothing came for as long as its patience lasts.
        """
        began = time.perf_counter()
        self._socket.sendall(self._request)
        status, body = receive(lambda: self._socket.recv(65536))
        return Scraped(status, body, time.perf_counter() - began)
