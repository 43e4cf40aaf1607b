"""The BMC's own side of the authentication: what a console that does not check anything could try."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.ipmi import packet
from deploy.lab.ipmi.session import BAD_INTEGRITY, NO_MATCHING_SUITE, OK, Session, open_session

GUID, CONSOLE, MANAGED = bytes(range(16)), 0xA0A1A2A3, 7
NAME, CHALLENGE = b"operator", b"m" * 16
# Tag, privilege, console session, then one block for each of the three algorithms.
HEAD = bytes((9, 0, 0, 0)) + struct.pack("<I", CONSOLE)
RAKP1 = bytes((9, 0, 0, 0)) + struct.pack("<I", MANAGED) + CHALLENGE + bytes((0x14, 0, 0, len(NAME))) + NAME
ROLE = bytes((0x14, len(NAME))) + NAME


def request(*algorithms: int) -> bytes:
    """Return an open session request for these algorithms."""
    return HEAD + b"".join(bytes((part, 0, 0, 8, number, 0, 0, 0)) for part, number in enumerate(algorithms))


def opened() -> Session:
    """Return a session of cipher suite 3, not yet authenticated."""
    session, _ = open_session(request(1, 1, 1), MANAGED, GUID)
    assert session is not None
    return session


def authenticated(password: str) -> tuple[Session, bytes]:
    """Return a session, and the BMC's last word, after a console with ``password`` proved itself."""
    session = opened()
    challenge = session.rakp2(RAKP1, {"operator": "secret"})[8:24]
    proof = hmac.new(password.encode(), challenge + struct.pack("<I", CONSOLE) + ROLE, hashlib.sha1).digest()
    answer = session.rakp4(bytes((9, OK, 0, 0)) + struct.pack("<I", MANAGED) + proof)
    assert answer is not None
    return session, answer


def test_the_right_password_opens_a_session() -> None:
    """Both sides know the password: the BMC says so and gives its own proof of the keys."""
    session, answer = authenticated("secret")

    assert (answer[1], len(answer), session.established) == (OK, 8 + 12, True)


def test_a_proof_by_the_wrong_password_is_refused() -> None:
    """A console that ignored the BMC's proof gets no session either."""
    session, answer = authenticated("guess")

    assert (answer[1], session.established) == (BAD_INTEGRITY, False)


def test_algorithms_without_protection_are_refused() -> None:
    """Neither no authentication nor no encryption can be agreed on."""
    for algorithms in ((0, 0, 0), (1, 1, 0), (1, 0, 1)):
        session, answer = open_session(request(*algorithms), MANAGED, GUID)

        assert (session, answer[1]) == (None, NO_MATCHING_SUITE)


@given(payload=st.binary(max_size=80))
def test_what_is_sealed_opens_again(payload: bytes) -> None:
    """Padding, encryption and integrity code give back every payload."""
    session, _ = authenticated("secret")

    assert session.open(packet.unpack(session.seal(payload))) == payload


@given(position=st.integers(4, 60), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed(position: int, flip: int) -> None:
    """Whichever byte of a protected packet is changed on the way, the packet is refused."""
    session, _ = authenticated("secret")
    datagram = bytearray(session.seal(b"Get Power Reading"))
    datagram[position] ^= flip

    with pytest.raises(packet.Malformed):
        session.open(packet.unpack(bytes(datagram)))
