"""The HTTP server: ``/metrics``, ``/-/healthy`` and a page that leads there."""

from __future__ import annotations

import html
import logging
import socket
import socketserver
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

_log = logging.getLogger(__name__)

_PAGE = """<!doctype html>
<html lang="en"><title>Wattshift exporter</title>
<h1>Wattshift exporter</h1>
<p>Electric power of node {node}.</p>
<ul><li><a href="/metrics">Metrics</a></li><li><a href="/-/healthy">Health</a></li></ul>
</html>
"""


class MetricsServer(ThreadingHTTPServer):
    """Serves one registry, a thread a connection.

    Raises:
        OSError: the address cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, registry: CollectorRegistry, node: str) -> None:
        self.registry = registry
        self.node = node
        everywhere = not host
        if ":" in host or (everywhere and socket.has_dualstack_ipv6()):
            self.address_family = socket.AF_INET6
        self._dualstack = everywhere and self.address_family == socket.AF_INET6
        super().__init__((host, port), _Handler)

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
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    protocol_version = "HTTP/1.1"
    # Longer than a usual scrape interval, so that Prometheus keeps its connection; an idle one costs a thread.
    timeout = 75
    # Headers and body leave in one segment: two would wait for each other's acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with a page's headers."""
        self._answer()

    def _answer(self) -> None:
        try:
            path = urlsplit(self.path).path
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "The request's target is no URL")
            return
        status, kind, body = self._page(path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        plain = "text/plain; charset=utf-8"
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            return HTTPStatus.OK, kind, encode(self.server.registry)
        if path == "/-/healthy":
            return HTTPStatus.OK, plain, b"Wattshift exporter is healthy.\n"
        if path == "/":
            page = _PAGE.format(node=html.escape(self.server.node))
            return HTTPStatus.OK, "text/html; charset=utf-8", page.encode()
        return HTTPStatus.NOT_FOUND, plain, b"Not found; the metrics are at /metrics.\n"

    def version_string(self) -> str:
        """Name the program, and no versions, in the Server header."""
        return "wattshift-exporter"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log a request where debugging wants it."""
        _log.debug("%s " + format, self.address_string(), *args)
