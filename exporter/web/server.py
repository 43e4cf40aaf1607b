"""The HTTP server: pages by path, a thread a connection, and bounds on what strangers can make it do.

It runs on a hypervisor, for which it is to be no burden: connections are few, and each has to say what it wants and
take the answer in time.
"""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from exporter.web import tls
from exporter.web.connection import Inbox, Outbox
from exporter.web.page import Answer, Request
from exporter.web.room import Room, Standing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

    from exporter.web.guard import Guard
    from exporter.web.page import Page
    from exporter.web.protection import Protection

_log = logging.getLogger(__name__)

_MOST_BYTES = 1 << 16  # of a request
_ONE_DAY = 86400.0
_LAST_WORDS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE})


class Bounds(NamedTuple):
    """How many seconds a connection has for what, and how many connections there may be."""

    handshake: float = 10.0
    request: float = 10.0  # from its first byte to its last
    answer: float = 10.0
    # Longer than a usual scrape interval, so that Prometheus keeps its connection.
    idle: float = 75.0
    connections: int = 64  # Prometheus needs one; each costs a thread


_BOUNDS = Bounds()


class WebServer(ThreadingHTTPServer):
    """Serves pages, behind ``guard`` if there is one.

    Raises:
        OSError: the address cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, pages: Mapping[str, Page], guard: Guard | None = None, bounds: Bounds = _BOUNDS
    ) -> None:
        self.pages = pages
        self.guard = guard
        self.bounds = bounds
        self.room = Room(bounds.connections)
        everywhere = not host
        if ":" in host or (everywhere and socket.has_dualstack_ipv6()):
            self.address_family = socket.AF_INET6
        self._dualstack = everywhere and self.address_family == socket.AF_INET6
        super().__init__((host, port), _Handler)

    def serve_forever(self, poll_interval: float = _ONE_DAY) -> None:
        """Serve until `shutdown`, which wakes it: there is nothing else to look for in between."""
        super().serve_forever(poll_interval)

    def shutdown(self) -> None:
        """Stop serving at once; connections that are open stay so."""
        with suppress(OSError):  # it is shut down already
            self.socket.shutdown(socket.SHUT_RDWR)  # of a socket that listens: it wakes whoever waits for a connection
        super().shutdown()

    def server_bind(self) -> None:
        """Bind; unlike the base class, look up no names, which may hang."""
        if self._dualstack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)

    @property
    def url(self) -> str:
        """Where it really listens, the port chosen by the kernel included."""
        host, port = self.server_address[:2]
        name = host if isinstance(host, str) else host.decode()
        scheme = "https" if self.guard is not None and self.guard.current().context is not None else "http"
        return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread, if there is room."""
        if not self.room.enter(request):
            _log.debug("too many connections: refused one")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread can be started
            self.room.leave(request)
            raise

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Agree on TLS, where it is configured, and answer requests."""
        try:
            protection = self.guard.current() if self.guard is not None else None
            if protection is not None and protection.context is not None:
                self._finish_over_tls(request, client_address, protection, protection.context)
            else:
                super().finish_request(request, client_address)
        finally:
            self.room.leave(request)

    def _finish_over_tls(
        self, request: socket.socket, client_address: Any, protection: Protection, context: ssl.SSLContext
    ) -> None:
        assert protection.config.tls is not None  # noqa: S101 - the context is made from it
        request.settimeout(self.bounds.handshake)
        with tls.wrap(context, request) as secure:
            self.room.goes_on_as(request, secure)
            try:
                tls.shake_hands(secure, protection.config.tls.client_allowed_sans)
                super().finish_request(secure, client_address)
                self.shutdown_request(secure)
            finally:
                self.room.leave(secure)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        """Log what ended a connection: clients do all sorts of things, but mistakes of ours are to be seen."""
        error = sys.exception()
        if isinstance(error, OSError):
            _log.debug("%s: %s", client_address, ascii(str(error)))
        else:
            _log.error("a request failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    connection: socket.socket
    rfile: io.BufferedReader
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # of a request that is none: its answer has a status and headers, too

    def setup(self) -> None:
        """Put bounds on both directions."""
        self.connection = self.request
        self._inbox = Inbox(self.connection)
        self._inbox.expect(self.server.bounds.request, _MOST_BYTES)
        self.rfile = io.BufferedReader(self._inbox)
        self.wfile = Outbox(self.connection, self.server.bounds.answer)

    def handle_one_request(self) -> None:
        """Answer a request, once there is one."""
        if not self.rfile.peek(1):
            self.close_connection = True
            return
        self._inbox.expect(self.server.bounds.request, _MOST_BYTES)
        super().handle_one_request()
        self._inbox.expect(self.server.bounds.idle, _MOST_BYTES)

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with a page's headers."""
        self._answer()

    def _answer(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # no page reads a body: what follows is not the next request
        try:
            url = urlsplit(self.path)
            query = parse_qs(url.query, keep_blank_values=True)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if self.server.guard is not None:
            protection = self.server.guard.current()
            if getattr(self.connection, "context", None) is not protection.context:
                # It was agreed on by another configuration, perhaps with a client that may not come any more. A client
                # that asks on a connection which closes at that moment asks anew.
                self.close_connection = True
                return
            refusal = protection.refusal(self.headers)
            if refusal is not None:
                # Who is to guess passwords is to connect for each guess: a connection is not to be had for it.
                self.close_connection |= refusal.status in _LAST_WORDS
                self._send(refusal)
                return
        self.server.room.note(self.connection, Standing.WORKING)
        answer = self._page(url.path, query)
        self.server.room.note(self.connection, Standing.SERVED)
        self._send(answer)

    def _page(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        page = self.server.pages.get(path)
        if page is None:
            return Answer(b"Not found; the metrics are at /metrics.\n", status=HTTPStatus.NOT_FOUND)
        return page(Request(query, self.headers))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the base class's
        """Answer what is no request for a page: in plain text, without a word of the pages, and as the last."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(Answer(f"{status.phrase}\n".encode(), status=status))

    def _send(self, answer: Answer) -> None:
        extra = self.server.guard.current().config.headers if self.server.guard is not None else {}
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in (*answer.headers.items(), *extra.items()):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        """Name the program, and no versions, in the Server header."""
        return "wattshift-exporter"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log a request where debugging wants it, with nothing in it that could steer a terminal."""
        line = format % args
        _log.debug("%s %s", self.address_string(), line.encode("unicode_escape").decode())
