"""TLS: a context for the server, and the names in a client's certificate."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING

from exporter.document import DocumentError
from exporter.web.tls_config import NO_CLIENT_CERTIFICATE, REQUIRE_AND_VERIFY

if TYPE_CHECKING:
    import socket

    from exporter.web.tls_config import NamedFile, TlsConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


def make_context(config: TlsConfig) -> ssl.SSLContext:
    """Return the context of a server.

    Raises:
        DocumentError: a file cannot be read, or is not what it should be; the line is where it is named.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    context.maximum_version = _VERSIONS[config.max_version]
    try:
        if config.ciphers is not None:
            context.set_ciphers(":".join(config.ciphers))
        if config.curve is not None:
            context.set_ecdh_curve(config.curve)
    except (ssl.SSLError, ValueError) as error:  # OpenSSL may have been built, or told, to do without some
        raise DocumentError(
            config.line, f"expected ciphers and a curve that OpenSSL has here: {_reason(error)}"
        ) from error
    if not config.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, config)
    if config.client_ca_file is not None:
        _load_authority(context, config.client_ca_file)
    if config.client_auth_type != NO_CLIENT_CERTIFICATE:
        required = config.client_auth_type == REQUIRE_AND_VERIFY
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        # As in Go, every certificate in the file is trusted for itself, be it a root or not.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def wrap(context: ssl.SSLContext, connection: socket.socket) -> ssl.SSLSocket:
    """Return ``connection`` as one that speaks TLS once hands are shaken; ``connection`` itself is of no use then."""
    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def shake_hands(connection: ssl.SSLSocket, sans: frozenset[str] | None) -> None:
    """Agree with a client on how to speak; it has one of the names ``sans``, if given. The socket's timeout counts.

    Raises:
        OSError: the client speaks no TLS, not this TLS, not in time, or has no certificate that is wanted.
    """
    connection.do_handshake()
    if sans is not None and not _names(connection) & sans:
        raise ssl.SSLCertVerificationError("the client's certificate has none of the names in client_allowed_sans")


def _names(connection: ssl.SSLSocket) -> set[str]:
    # The subject alternative names of the client's certificate, addresses written the short way.
    names = set()
    for entry in (connection.getpeercert() or {}).get("subjectAltName", ()):
        match entry:
            case ("IP Address", str(address)):
                names.add(str(ipaddress.ip_address(address.strip())))
            case ("DNS" | "email" | "URI", str(name)):
                names.add(name)
    return names


def _load_certificate(context: ssl.SSLContext, config: TlsConfig) -> None:
    for file in (config.cert_file, config.key_file):
        _expect_readable(file)
    try:
        context.load_cert_chain(config.cert_file.path, config.key_file.path, password=_no_password)
    except (OSError, ValueError) as error:
        raise DocumentError(
            config.cert_file.line,
            f"expected a certificate (PEM) in {config.cert_file.path} and its key, without a password, "
            f"in {config.key_file.path}: {_reason(error)}",
        ) from error


def _load_authority(context: ssl.SSLContext, file: NamedFile) -> None:
    _expect_readable(file)
    try:
        context.load_verify_locations(file.path)
    except (OSError, ValueError) as error:
        raise DocumentError(file.line, f"expected certificates (PEM) in {file.path}: {_reason(error)}") from error


def _expect_readable(file: NamedFile) -> None:
    try:
        with file.path.open("rb"):
            pass
    except OSError as error:
        raise DocumentError(file.line, f"expected a readable file, {file.path}: {error.strerror}") from error


def _no_password() -> str:
    # OpenSSL would ask on the terminal for the password of a key that has one.
    raise ValueError("the key has a password")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
