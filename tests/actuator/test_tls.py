"""TLS of the listener, with real certificates and a real server."""

from __future__ import annotations

import http.client
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from actuator.errors import ConfigurationError
from actuator.tls import server_context
from actuator.web_section import WebSection
from tests.actuator.configuration import configuration, written
from tests.actuator.test_cli import running

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from tests.actuator.test_cli import Actuator


class Site:
    """An authority for the actuator, one for its clients, and what they issued, as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.clients = trustme.CA(), trustme.CA()
        self.clients.cert_pem.write_to_path(str(folder / "clients.pem"))
        self.issue("127.0.0.1")

    def issue(self, name: str) -> None:
        """Let the actuator have a certificate of this name."""
        issued = self.authority.issue_cert(name)
        (self.folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))

    def client(self, authority: trustme.CA | None = None) -> ssl.SSLContext:
        """A client that trusts the authority, with a certificate of another one if given."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if authority is not None:
            authority.issue_cert("alertmanager@example.org").configure_cert(context)
        return context


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site."""
    return Site(tmp_path)


def web(site: Site, **more: Any) -> dict[str, Any]:
    """The section that names the site's files."""
    return {"cert_file": str(site.folder / "cert.pem"), "key_file": str(site.folder / "key.pem"), **more}


def healthy(actuator: Actuator, context: ssl.SSLContext) -> Message:
    """Ask for its health; the answer's headers."""
    connection = http.client.HTTPSConnection(actuator.host, actuator.port, timeout=30, context=context)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        answer.read()

        assert answer.status == 200
        return answer.headers
    finally:
        connection.close()


def test_served_over_tls_and_renewed_by_reload(tmp_path: Path, site: Site) -> None:
    """It is served with its certificate; a new one is shown after a reload; plain HTTP is no more."""
    with running(written(tmp_path, configuration(tmp_path) | {"web": web(site)})) as actuator:
        headers = healthy(actuator, site.client())
        site.issue("localhost")
        actuator.hang_up()
        with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
            healthy(actuator, site.client())
        (tmp_path / "key.pem").write_text("no key")
        refused = actuator.hang_up("actuator.reload_refused")
        with pytest.raises((http.client.HTTPException, OSError)):
            actuator.call("GET", "/-/healthy")
        code = actuator.stop()

    assert headers["Strict-Transport-Security"]
    assert "web.cert_file: expected a certificate" in refused["message"]
    assert code == 0


def test_clients_show_their_certificate(tmp_path: Path, site: Site) -> None:
    """With an authority for clients, one without a certificate, or with another authority's, is turned away."""
    keys = configuration(tmp_path) | {"web": web(site, client_ca_file=str(tmp_path / "clients.pem"))}
    with running(written(tmp_path, keys)) as actuator:
        healthy(actuator, site.client(site.clients))
        for stranger in (site.client(), site.client(trustme.CA())):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                healthy(actuator, stranger)
        keys["web"]["client_certificate"] = "optional"
        written(tmp_path, keys)
        actuator.hang_up()
        healthy(actuator, site.client())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            healthy(actuator, site.client(trustme.CA()))
        actuator.stop()


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        ({"cert_file": None}, "web.cert_file", "readable file"),
        ({"key_file": None}, "web.key_file", "readable file"),
        ({"client_ca_file": None}, "web.client_ca_file", "readable file"),
        ({"cert_file": "very-secret"}, "web.cert_file", "expected a certificate"),
        ({"key_file": "very-secret"}, "web.cert_file", "the key that belongs to it"),
        ({"client_ca_file": "very-secret"}, "web.client_ca_file", "certificates of an authority"),
        ({"client_ca_file": ""}, "web.client_ca_file", "certificates of an authority"),
    ],
)
def test_unusable_files(tmp_path: Path, site: Site, change: dict[str, str | None], key: str, expected: str) -> None:
    """A file that cannot be used is said by configuration file, key and path before anything listens."""
    section = web(site, client_ca_file=str(tmp_path / "clients.pem"))
    for name, content in change.items():
        section[name] = str(tmp_path / "changed")
        if content is not None:
            (tmp_path / "changed").write_text(content)
    with pytest.raises(ConfigurationError) as refused:
        server_context(WebSection(**section), tmp_path / "actuator.yml")

    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'actuator.yml'}: {key}: ")
    assert expected in message
    assert str(tmp_path / "changed") in message
    assert "very-secret" not in message


def test_another_keys_certificate(tmp_path: Path, site: Site) -> None:
    """A certificate whose key is another one is refused, as is a key that wants a passphrase, which nobody is asked."""
    other = site.authority.issue_cert("other")
    other.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    with pytest.raises(ConfigurationError, match="the key that belongs to it"):
        server_context(WebSection(**web(site)), tmp_path / "actuator.yml")


def test_plain_http(tmp_path: Path) -> None:
    """Without a certificate there is no TLS."""
    assert server_context(WebSection(), tmp_path / "actuator.yml") is None
