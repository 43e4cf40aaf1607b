"""TLS over real sockets: who is let in, and who holds up nobody."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from exporter.document import DocumentError
from exporter.web.config import read
from exporter.web.guard import Guard
from exporter.web.server import Bounds
from exporter.web.tls import make_context
from tests.exporter.websites import CLIENTS, PATIENCE, TLS, Client, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

# A client learns that it is not wanted from an alert, or, where it writes at that moment, from the connection's end.
REFUSED = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


def test_pages_over_tls(tmp_path: Path) -> None:
    """With a certificate the address is https, the connection is kept, and the newest TLS is spoken."""
    site = Site(tmp_path, TLS)
    with serving(Guard(site.file)) as server, Client(server, site.context()) as client:
        assert server.url.startswith("https://127.0.0.1:")
        assert [client.ask()[:2] for _ in range(2)] == [(200, "watts 1\n")] * 2


def test_plain_http_is_not_answered_where_tls_is_wanted(tmp_path: Path) -> None:
    """The connection ends, and the next client is served."""
    site = Site(tmp_path, TLS)
    with serving(Guard(site.file)) as server:
        with pytest.raises(REFUSED), Client(server) as client:
            client.ask()

        with Client(server, site.context()) as client:
            assert client.ask()[0] == 200


def test_a_client_that_never_shakes_hands_holds_up_nobody_and_is_let_go(tmp_path: Path) -> None:
    """Others are served meanwhile; when its time is over, its connection ends."""
    site = Site(tmp_path, TLS)
    with (
        serving(Guard(site.file), Bounds(handshake=0.5)) as server,
        socket.create_connection(("127.0.0.1", server.server_address[1]), PATIENCE) as silent,
    ):
        with Client(server, site.context()) as client:
            assert client.ask()[0] == 200

        assert silent.recv(1) == b""


def test_clients_that_never_shake_hands_give_way_when_it_is_full(tmp_path: Path) -> None:
    """However many there are, who does is served."""
    site = Site(tmp_path, TLS)
    with serving(Guard(site.file), Bounds(handshake=PATIENCE, connections=2)) as server, ExitStack() as stack:
        address = ("127.0.0.1", server.server_address[1])
        silent = [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(20)]
        with Client(server, site.context()) as client:
            assert client.ask()[0] == 200
        assert silent[0].recv(1) == b""


@pytest.mark.parametrize(
    ("lines", "version", "cipher"),
    [
        ("  max_version: TLS12\n", "TLSv1.2", None),
        ("  min_version: TLS13\n", "TLSv1.3", None),
        (
            "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]\n",
            "TLSv1.2",
            "CHACHA20-POLY1305",
        ),
        ("  curve_preferences: [CurveP384]\n", "TLSv1.3", None),
        ("  curve_preferences: [X25519]\n", "TLSv1.3", None),
        ("  prefer_server_cipher_suites: false\n", "TLSv1.3", None),
    ],
)
def test_versions_and_ciphers(tmp_path: Path, lines: str, version: str, cipher: str | None) -> None:
    """What the file says of them is what is spoken."""
    site = Site(tmp_path, TLS + lines)
    with (
        serving(Guard(site.file)) as server,
        socket.create_connection(("127.0.0.1", server.server_address[1]), PATIENCE) as plain,
        site.context().wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        assert secure.version() == version
        used = secure.cipher()
        assert used is not None
        assert cipher is None or cipher in used[0]


@pytest.mark.parametrize("change", [{"curve": "no such curve"}, {"ciphers": ("NO-SUCH-CIPHER",)}])
def test_what_openssl_does_not_have_is_refused_with_the_line(tmp_path: Path, change: dict[str, Any]) -> None:
    """An OpenSSL that was built without a cipher or a curve is no crash."""
    Site(tmp_path, TLS)
    config = read(TLS, tmp_path).tls
    assert config is not None
    with pytest.raises(DocumentError, match=r"line 1: expected ciphers and a curve that OpenSSL has here"):
        make_context(replace(config, **change))


def test_an_older_tls_than_wanted_is_refused(tmp_path: Path) -> None:
    """A client that speaks TLS 1.2 only is not served where 1.3 is the least."""
    site = Site(tmp_path, TLS + "  min_version: TLS13\n")
    context = site.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(Guard(site.file)) as server, pytest.raises(REFUSED), Client(server, context) as client:
        client.ask()


@pytest.mark.parametrize("version", [b"\x03\x01", b"\x03\x02"])
def test_versions_of_yore_are_refused(tmp_path: Path, version: bytes) -> None:
    """TLS 1.0 and 1.1: a client that speaks nothing newer is told so, and that is all (RFC 5246, 7.2)."""
    ciphers = bytes.fromhex("c009c00ac013c014002f0035000a")
    hello = version + bytes(range(32)) + b"\0" + len(ciphers).to_bytes(2, "big") + ciphers + b"\x01\0"
    message = b"\x01" + len(hello).to_bytes(3, "big") + hello
    with (
        serving(Guard(Site(tmp_path, TLS).file)) as server,
        socket.create_connection(("127.0.0.1", server.server_address[1]), PATIENCE) as client,
    ):
        client.sendall(b"\x16" + version + len(message).to_bytes(2, "big") + message)
        with client.makefile("rb") as reader:
            alert = reader.read()

    assert alert[0] == 21
    assert alert[5:] == b"\x02\x46"  # fatal, protocol_version


def test_a_curve_the_client_does_not_speak_is_refused(tmp_path: Path) -> None:
    """The one curve that is named is the only one."""
    site = Site(tmp_path, TLS + "  curve_preferences: [CurveP384]\n")
    context = site.context()
    context.set_ecdh_curve("prime256v1")
    with serving(Guard(site.file)) as server, pytest.raises(REFUSED), Client(server, context) as client:
        client.ask()


def test_clients_need_a_certificate_of_the_authority(tmp_path: Path) -> None:
    """With one a client is served; with none, or somebody else's, it is not."""
    site = Site(tmp_path, CLIENTS)
    with serving(Guard(site.file)) as server:
        with Client(server, site.context("prometheus.lan")) as client:
            assert client.ask()[0] == 200
        for context in (site.context(), site.context("prometheus.lan", clients=trustme.CA())):
            with pytest.raises(REFUSED), Client(server, context) as client:
                client.ask()


def test_a_client_whose_certificate_is_over_or_not_yet_good_is_refused(tmp_path: Path) -> None:
    """The right authority and the right name do not help."""
    site = Site(tmp_path, CLIENTS)
    now = datetime.now(UTC)
    with serving(Guard(site.file)) as server:
        for begin, end in ((-2, -1), (1, 2)):
            context = site.context()
            days = (now + timedelta(days=begin), now + timedelta(days=end))
            site.clients.issue_cert("prometheus.lan", not_before=days[0], not_after=days[1]).configure_cert(context)
            with pytest.raises(REFUSED), Client(server, context) as client:
                client.ask()


def test_a_certificate_that_need_not_be_given_must_be_right_when_it_is(tmp_path: Path) -> None:
    """VerifyClientCertIfGiven: none is fine, somebody else's is not."""
    site = Site(tmp_path, CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"))
    with serving(Guard(site.file)) as server:
        for context in (site.context(), site.context("prometheus.lan")):
            with Client(server, context) as client:
                assert client.ask()[0] == 200
        with pytest.raises(REFUSED), Client(server, site.context("a", clients=trustme.CA())) as client:
            client.ask()


@pytest.mark.parametrize(
    ("name", "another"),
    [
        ("prometheus.lan", "prometheus.lan.example.org"),
        ("me@example.org", "you@example.org"),
        ("10.1.2.3", "10.1.2.30"),
        ("fd00::1", "fd00::10"),
    ],
)
def test_a_client_needs_one_of_the_allowed_names(tmp_path: Path, name: str, another: str) -> None:
    """DNS name, e-mail or address, in any place of the certificate; without any of them it is refused."""
    site = Site(tmp_path, CLIENTS + f'  client_allowed_sans: ["other.lan", "{name}"]\n')
    with serving(Guard(site.file)) as server:
        with Client(server, site.context("first.lan", name)) as client:
            assert client.ask()[0] == 200
        with pytest.raises(REFUSED), Client(server, site.context("first.lan", another)) as client:
            client.ask()


def test_a_new_certificate_needs_no_restart(tmp_path: Path) -> None:
    """The next connection has it; one that was made before asks anew."""
    site = Site(tmp_path, TLS)
    with serving(Guard(site.file)) as server, Client(server, site.context()) as old:
        old.ask()
        before = old.certificate()
        site.issue()
        with Client(server, site.context()) as new:
            assert new.ask()[0] == 200
            assert new.certificate() != before

        with pytest.raises(REFUSED):
            old.ask()


def test_tls_can_be_switched_on_without_a_restart(tmp_path: Path) -> None:
    """From then on nothing is answered in the clear, also on a connection from before."""
    site = Site(tmp_path, "")
    with serving(Guard(site.file)) as server, Client(server) as plain:
        assert plain.ask()[0] == 200
        site.file.write_text(TLS)

        with pytest.raises(REFUSED):
            plain.ask()
        with Client(server, site.context()) as client:
            assert client.ask()[0] == 200
