"""Until when a certificate is valid, asked of whoever shows it, or read from a file: no trust is needed for that.

The standard library takes a certificate apart only once it was verified, and an expired one never is; so the one field
is looked up here: ``TBSCertificate.validity.notAfter`` of RFC 5280, 4.1, in DER (X.690).
"""

from __future__ import annotations

import re
import ssl
from calendar import timegm
from time import strptime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from actuator.adapters.deadline import Overdue, within

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MOST_BYTES = 1_048_576
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_LONG_FORM: Final = 0x80
_CENTURY_TURNS: Final = 50
"""A UTCTime's year below this is of the 2000s (RFC 5280, 4.1.2.5.1)."""


def shown_by(host: str, seconds: float) -> float | None:
    """Until when the certificate is valid that a TLS server shows, unix seconds; None when it shows none in time.

    Args:
        host: ``address:port``.
        seconds: For connecting, and for each piece of the handshake; twice that in all.
    """
    where = urlsplit(f"//{host}")
    address = (where.hostname or "", where.port or 0)
    try:
        pem = within(2 * seconds, lambda: ssl.get_server_certificate(address, timeout=seconds))
        return expiry(ssl.PEM_cert_to_DER_cert(pem))
    except (OSError, ValueError, Overdue):  # SSLError among the first
        return None


def in_file(path: Path) -> float | None:
    """Until when the first certificate in a PEM file is valid, unix seconds; None when there is none to be read."""
    try:
        with path.open("rb") as file:
            found = _FIRST.search(file.read(_MOST_BYTES).decode("ascii", "replace"))
        return None if found is None else expiry(ssl.PEM_cert_to_DER_cert(found[0]))
    except (OSError, ValueError):
        return None


def expiry(der: bytes) -> float:
    """Until when a certificate is valid, unix seconds.

    Raises:
        ValueError: It is none.
    """
    try:
        certificate = _inside(der, 0)
        body = _inside(der, certificate)
        fields = _after(der, body) if der[body] == _VERSION else body
        validity = fields
        for _ in ("serialNumber", "signature", "issuer"):
            validity = _after(der, validity)
        not_after = _after(der, _inside(der, validity))
        text = der[_inside(der, not_after) : _after(der, not_after)].decode("ascii")
        return _seconds(der[not_after], text)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("no certificate") from error


def _seconds(kind: int, text: str) -> float:
    if kind == _UTC_TIME:
        text = f"{'20' if int(text[:2]) < _CENTURY_TURNS else '19'}{text}"
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no certificate")
    return float(timegm(strptime(text, "%Y%m%d%H%M%SZ")))


def _inside(der: bytes, at: int) -> int:
    """Where the content of the element begins that begins here."""
    length = der[at + 1]
    return at + 2 + (length - _LONG_FORM if length >= _LONG_FORM else 0)


def _after(der: bytes, at: int) -> int:
    """Where the element ends that begins here."""
    length, content = der[at + 1], _inside(der, at)
    if length >= _LONG_FORM:
        length = int.from_bytes(der[at + 2 : content], "big")
    return content + length
