"""Until when a certificate is valid, whoever made it and whether or not anybody trusts it."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from actuator.adapters.certificate import expiry, in_file, shown_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTHORITY = trustme.CA()
EXPIRED = datetime(2020, 2, 29, 23, 59, 58, tzinfo=UTC)
A_CERTIFICATE = ssl.PEM_cert_to_DER_cert(AUTHORITY.cert_pem.bytes().decode())


def issued(until: datetime) -> trustme.LeafCert:
    """A certificate that is valid until then."""
    return AUTHORITY.issue_cert("127.0.0.1", not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=until)


@contextmanager
def showing(certificate: trustme.LeafCert) -> Iterator[str]:
    """A TLS server that shows it once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as shaken:
                shaken.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


@pytest.mark.parametrize(
    "until", [EXPIRED, datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)]
)
def test_the_end_is_read_in_either_form(tmp_path: Path, until: datetime) -> None:
    """From 2050 on certificates write their times otherwise; a chain's first certificate is the server's."""
    leaf = issued(until)
    file = tmp_path / "chain.pem"
    for part in leaf.cert_chain_pems:
        part.write_to_path(str(file), append=True)
    AUTHORITY.cert_pem.write_to_path(str(file), append=True)

    assert in_file(file) == until.timestamp()


def test_an_expired_certificate_is_read_off_the_wire() -> None:
    """It would be refused by whoever verifies, which is why somebody asks."""
    with showing(issued(EXPIRED)) as host:
        assert shown_by(host, 30) == EXPIRED.timestamp()


def test_what_shows_none_has_none(tmp_path: Path) -> None:
    """Nobody there, somebody who never shakes hands, and files without a certificate are no error."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert shown_by(f"127.0.0.1:{mute.getsockname()[1]}", 0.05) is None
    assert shown_by("127.0.0.1:1", 30) is None
    (tmp_path / "broken").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    (tmp_path / "other").write_bytes(b"\xff no certificate")
    assert [in_file(tmp_path / name) for name in ("broken", "other", "nowhere")] == [None, None, None]


@given(st.integers(0, len(A_CERTIFICATE) - 1), st.binary(max_size=6), st.booleans())
def test_what_is_no_certificate_is_no_crash(at: int, put: bytes, cut: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """Whatever comes, there is a time or a `ValueError`."""
    spoiled = A_CERTIFICATE[:at] + put + (b"" if cut else A_CERTIFICATE[at + len(put) :])
    with suppress(ValueError):
        assert expiry(spoiled) > -1e12
