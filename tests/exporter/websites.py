"""Real servers with certificates of their own, for tests of TLS and passwords."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import trustme

from exporter.web.basic_auth import load_bcrypt
from exporter.web.page import Answer
from exporter.web.server import Bounds, WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from exporter.web.guard import Guard
    from exporter.web.page import Page

PATIENCE = 60.0  # seconds; far more than anything here takes
PASSWORD = "correct horse"
HASH = load_bcrypt()(PASSWORD.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
USERS = f"basic_auth_users: {{alice: {HASH}}}\n"
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()}
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = TLS + "  client_ca_file: clients.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
PAGES: dict[str, Page] = {"/metrics": lambda _: Answer(b"watts 1\n"), "/-/healthy": lambda _: Answer(b"healthy\n")}


class Site:
    """A folder with a web configuration, the certificates it names, and those of its clients."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.file = folder / "web.yml"
        self.file.write_text(text)
        self.authority = trustme.CA(organization_name="servers")
        self.clients = trustme.CA(organization_name="clients")
        self.clients.cert_pem.write_to_path(str(folder / "clients.pem"))
        self.issue()

    def issue(self) -> None:
        """Give the server a new certificate."""
        certificate = self.authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
        certificate.cert_chain_pems[0].write_to_path(str(self.folder / "server.crt"))

    def context(self, *names: str, clients: trustme.CA | None = None) -> ssl.SSLContext:
        """Return the TLS of a client that trusts the server; with names it has a certificate, of ``clients``."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if names:
            (clients or self.clients).issue_cert(*names).configure_cert(context)
        return context


class Client:
    """A client that keeps its connection: ``context`` for TLS."""

    def __init__(self, server: WebServer, context: ssl.SSLContext | None = None) -> None:
        port = urlsplit(server.url).port
        if context is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        else:
            self._connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)

    def ask(
        self, path: str = "/metrics", headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str, Mapping[str, str]]:
        """Return status, body and headers."""
        self._connection.request(method, path, headers=headers or {})
        response = self._connection.getresponse()
        return response.status, response.read().decode(), dict(response.headers)

    def certificate(self) -> bytes:
        """Return the server's certificate (DER)."""
        assert isinstance(self._connection.sock, ssl.SSLSocket)
        return self._connection.sock.getpeercert(binary_form=True) or b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@contextmanager
def serving(
    guard: Guard | None = None, bounds: Bounds | None = None, pages: Mapping[str, Page] | None = None
) -> Iterator[WebServer]:
    """Run a server on a free port of the loopback."""
    server = WebServer("127.0.0.1", 0, pages or PAGES, guard, bounds or Bounds())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def connect(server: WebServer) -> socket.socket:
    """Return a connection that says nothing yet."""
    return socket.create_connection(("127.0.0.1", server.server_address[1]), PATIENCE)


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:  # it ended the connection with something still unread
        pass
    return b"".join(parts)
