"""TLS of the listener: what it shows to those who connect and asks of them, and how both change while it serves."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from actuator.errors import ConfigurationError
from actuator.values import regular_file

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.web_section import WebSection


def server_context(web: WebSection, file: Path) -> ssl.SSLContext | None:
    """Return the listener's side of TLS, from 1.2 on; None when it is to speak plain HTTP.

    Args:
        web: Names the files.
        file: The configuration file, for messages.

    Raises:
        ConfigurationError: names file, key and what was expected.
    """
    if web.cert_file is None or web.key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for key, path in (("cert_file", web.cert_file), ("key_file", web.key_file)):
        _readable(path, f"{file}: web.{key}")
    try:
        # An empty passphrase, so that a key with one is an error instead of a question on a terminal nobody watches.
        context.load_cert_chain(web.cert_file, web.key_file, password="")
    except (OSError, ValueError) as error:  # SSLError among them
        raise ConfigurationError(
            f"{file}: web.cert_file: expected a certificate in {web.cert_file}, and in {web.key_file} the key that "
            f"belongs to it, without a passphrase, both PEM ({_why(error)})"
        ) from None
    if web.client_ca_file is not None:
        key = f"{file}: web.client_ca_file"
        _readable(web.client_ca_file, key)
        try:
            context.load_verify_locations(web.client_ca_file)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{key}: expected the certificates of an authority in {web.client_ca_file}, PEM ({_why(error)})"
            ) from None
        required = web.client_certificate == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


class Exchangeable(ssl.SSLContext):
    """A context that hands each new connection to the present one, so that certificates change without a restart.

    A connection keeps what it began with. To a server this is the context; the files behind it are another one's.

    Attributes:
        present: What the next connection gets.
    """

    present: ssl.SSLContext

    @classmethod
    def of(cls, context: ssl.SSLContext) -> Exchangeable:
        """Begin with this one."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made.present = context
        return made

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """Begin a connection; this is how asyncio does it."""
        return self.present.wrap_bio(*arguments, **named)


def _readable(path: Path, key: str) -> None:
    try:
        regular_file(path)
        path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{key}: expected a readable file at {path} ({error.strerror})") from None


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
