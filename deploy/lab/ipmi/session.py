"""RMCP+ sessions: RAKP authentication, integrity and encryption, for cipher suites 3 and 17.

Source: IPMI 2.0, sections 13.17 to 13.24 (messages), 13.28 to 13.33 (algorithms and keys).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from deploy.lab.ipmi import packet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BLOCK = 16
_NEXT_HEADER = 0x07
_ADMINISTRATOR = 4

# Status codes of table 13-15.
OK, NO_SUCH_SESSION, NO_MATCHING_SUITE, UNAUTHORISED_NAME, BAD_INTEGRITY = 0x00, 0x02, 0x11, 0x0D, 0x0F


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite (table 22-20): its algorithms' numbers and how long its integrity codes are."""

    number: int
    authentication: int
    integrity: int
    confidentiality: int
    digest: Callable[..., hashlib._Hash]
    code_length: int


SUITES = (
    Suite(3, 1, 1, 1, hashlib.sha1, 12),
    Suite(17, 3, 4, 1, hashlib.sha256, 16),
)


class Session:
    """One console's session, from the open request on."""

    def __init__(self, console: int, managed: int, suite: Suite, guid: bytes) -> None:
        self.console = console
        self.managed = managed
        self.established = False
        self._suite = suite
        self._guid = guid
        self._sequence = 0
        self._challenge = os.urandom(_BLOCK)  # Rc

    def rakp2(self, rakp1: bytes, accounts: Mapping[str, str]) -> bytes:
        """Answer RAKP message 1: prove that we know the password, with a challenge of our own."""
        tag = rakp1[0]
        self._console_challenge = rakp1[8:24]  # Rm
        name = rakp1[28 : 28 + rakp1[27]]
        self._role = bytes((rakp1[24], len(name))) + name
        password = accounts.get(name.decode(errors="replace"))
        if password is None:
            return struct.pack("<BBHI", tag, UNAUTHORISED_NAME, 0, self.console)
        self._user_key = password.encode()
        proof = self._mac(
            self._user_key,
            struct.pack("<II", self.console, self.managed)
            + self._console_challenge
            + self._challenge
            + self._guid
            + self._role,
        )
        return struct.pack("<BBHI", tag, OK, 0, self.console) + self._challenge + self._guid + proof

    def rakp4(self, rakp3: bytes) -> bytes | None:
        """Answer RAKP message 3: the console proves that it knows the password too; then both have keys.

        Returns None when the console gave up: it did not believe our proof, which is what it does when its own
        password is wrong.
        """
        tag, status = rakp3[0], rakp3[1]
        if status != OK:
            return None
        wanted = self._mac(self._user_key, self._challenge + struct.pack("<I", self.console) + self._role)
        if not hmac.compare_digest(wanted, rakp3[8:]):
            return struct.pack("<BBHI", tag, BAD_INTEGRITY, 0, self.console)
        key = self._mac(self._user_key, self._console_challenge + self._challenge + self._role)  # SIK
        self._integrity_key = self._mac(key, b"\x01" * 20)  # K1
        self._cipher_key = self._mac(key, b"\x02" * 20)[:_BLOCK]  # K2
        self.established = True
        check = self._mac(key, self._console_challenge + struct.pack("<I", self.managed) + self._guid)
        return struct.pack("<BBHI", tag, OK, 0, self.console) + check[: self._suite.code_length]

    def open(self, received: packet.Packet) -> bytes:
        """Return the plain payload of a packet of this session.

        Raises:
            Malformed: it is not protected, or its integrity code is wrong.
        """
        length = self._suite.code_length
        body, code = received.raw[:-length], received.raw[-length:]
        genuine = hmac.compare_digest(self._mac(self._integrity_key, body)[:length], code)
        if not (received.encrypted and received.authenticated and genuine and self.established):
            raise packet.Malformed
        start, text = received.payload[:_BLOCK], received.payload[_BLOCK:]
        if not text or len(text) % _BLOCK:
            raise packet.Malformed
        decryptor = self._cipher(start).decryptor()
        plain = decryptor.update(text) + decryptor.finalize()
        return plain[: -plain[-1] - 1]

    def seal(self, payload: bytes) -> bytes:
        """Return a datagram of this session around ``payload``."""
        self._sequence += 1
        start = os.urandom(_BLOCK)
        padding = -(len(payload) + 1) % _BLOCK
        encryptor = self._cipher(start).encryptor()
        text = encryptor.update(payload + bytes(range(1, padding + 1)) + bytes((padding,)))
        protected = packet.PAYLOAD_IPMI | 0x80 | 0x40
        body = packet.body_v20(protected, self.console, self._sequence, start + text + encryptor.finalize())
        # Padded so that the part under the integrity code is a multiple of four bytes (table 13-8).
        missing = -(len(body) + 2) % 4
        body += b"\xff" * missing + bytes((missing, _NEXT_HEADER))
        return packet.with_rmcp(body + self._mac(self._integrity_key, body)[: self._suite.code_length])

    def _mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self._suite.digest).digest()

    def _cipher(self, start: bytes) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES128(self._cipher_key), modes.CBC(start))


def open_session(request: bytes, managed: int, guid: bytes) -> tuple[Session | None, bytes]:
    """Answer an open session request; return the session too when its algorithms are ours."""
    tag = request[0]
    (console,) = struct.unpack_from("<I", request, 4)
    wanted = (request[12], request[20], request[28])
    for suite in SUITES:
        if wanted == (suite.authentication, suite.integrity, suite.confidentiality):
            chosen = b"".join(bytes((part, 0, 0, 8, number, 0, 0, 0)) for part, number in enumerate(wanted))
            answer = struct.pack("<BBBBII", tag, OK, _ADMINISTRATOR, 0, console, managed) + chosen
            return Session(console, managed, suite, guid), answer
    return None, struct.pack("<BBBBI", tag, NO_MATCHING_SUITE, 0, 0, console)
