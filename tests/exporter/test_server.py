"""The HTTP server over a real socket."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from prometheus_client.registry import CollectorRegistry

from exporter.exposition import Exposition
from exporter.web.pages import site
from exporter.web.server import WebServer
from tests.exporter.worlds import POWER, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.readings import Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def look() -> Snapshot:
    """Return a snapshot with one figure."""
    return snapshot([(POWER.name, ("all",), 40.0)])


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A server on a free port of the loopback."""
    registry = CollectorRegistry()
    Exposition("<pve2>", (POWER,), (), look).register(registry)
    running = WebServer("127.0.0.1", 0, site(registry, "<pve2>"))
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def connection(server: WebServer) -> Iterator[http.client.HTTPConnection]:
    """A connection to it, which stays open from one request to the next."""
    url = urlsplit(server.url)
    connected = http.client.HTTPConnection(url.hostname or "", url.port)
    yield connected
    connected.close()


def get(
    connection: http.client.HTTPConnection, path: str, accept: str = "", method: str = "GET"
) -> tuple[int, str, str]:
    """Return status, content type and body."""
    connection.request(method, path, headers={"Accept": accept} if accept else {})
    response = connection.getresponse()
    return response.status, response.headers["Content-Type"], response.read().decode()


@pytest.mark.parametrize("accept", ["", "*/*", OPENMETRICS])
def test_metrics_in_the_format_that_every_scraper_takes(connection: http.client.HTTPConnection, accept: str) -> None:
    """Plain text, and named so: one that would rather have another format goes by the name."""
    status, kind, body = get(connection, "/metrics?x=1", accept)

    assert status == 200
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert 'wattshift_fake_watts{node="<pve2>",part="all"} 40.0' in body


def test_head_has_the_headers_and_no_body(connection: http.client.HTTPConnection) -> None:
    """A HEAD request leaves the connection usable."""
    assert get(connection, "/metrics", method="HEAD")[0::2] == (200, "")
    assert get(connection, "/-/healthy")[0] == 200


def test_the_page_leads_to_the_metrics_and_escapes_the_name(connection: http.client.HTTPConnection) -> None:
    """A person who opens the address finds the way."""
    status, kind, body = get(connection, "/")

    assert status == 200
    assert kind.startswith("text/html")
    assert 'href="/metrics"' in body
    assert "&lt;pve2&gt;" in body


def test_other_paths_and_methods_are_refused(connection: http.client.HTTPConnection) -> None:
    """What is not there is 404, what it cannot do is 501."""
    assert get(connection, "/nothing")[0] == 404
    assert get(connection, "/metrics", method="DELETE")[0] == 501


def test_a_request_target_that_is_no_url_is_a_bad_request(server: WebServer) -> None:
    """A target that cannot be taken apart gets an answer, and no traceback."""
    with socket.create_connection(("127.0.0.1", server.server_address[1])) as client:
        client.sendall(b"GET http://[bad/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with client.makefile("rb") as answer:
            status = answer.readline()

    assert status.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_says_nothing_holds_up_nobody(server: WebServer, connection: http.client.HTTPConnection) -> None:
    """Each connection has its own thread."""
    with socket.create_connection(("127.0.0.1", server.server_address[1])) as silent:
        silent.sendall(b"GET /met")

        assert get(connection, "/metrics")[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "", "localhost"])
def test_where_it_listens_is_told(host: str) -> None:
    """With port 0 the kernel chooses, and the URL says what; every address means both protocols."""
    server = WebServer(host, 0, {})
    url = urlsplit(server.url)
    for reachable in ["127.0.0.1", "::1"] if not host else [host]:
        socket.create_connection((reachable, url.port or 0)).close()
    server.server_close()

    assert url.port


def test_it_stops_at_once_and_answers_no_more(server: WebServer) -> None:
    """Stopping waits for no tick of a clock; whoever connects afterwards is refused."""
    url = urlsplit(server.url)
    server.shutdown()
    server.server_close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname, url.port or 0))


def test_an_address_in_use_is_an_error(server: WebServer) -> None:
    """Two exporters cannot share an address."""
    with pytest.raises(OSError, match="in use"):
        WebServer("127.0.0.1", server.server_address[1], {})
