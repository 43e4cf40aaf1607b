"""IPMI over LAN on the wire: RMCP, the session headers of IPMI 1.5 and 2.0, and the message inside.

Source: Intelligent Platform Management Interface Specification 2.0, sections 13.1 to 13.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Version 1.0, no acknowledgement wanted, class IPMI (table 13-1).
_RMCP = bytes((0x06, 0x00, 0xFF, 0x07))
_FORMAT_V15 = 0x00
_FORMAT_V20 = 0x06
_V15_HEADER = struct.Struct("<BIIB")
_V20_HEADER = struct.Struct("<BBIIH")
_SHORTEST_MESSAGE = 7

PAYLOAD_IPMI = 0x00
OPEN_REQUEST, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15


class Malformed(Exception):
    """The datagram is none of IPMI's."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A datagram taken apart as far as possible without keys.

    Attributes:
        v20: Whether it has the RMCP+ header.
        kind: Payload type.
        encrypted: Whether the payload is.
        authenticated: Whether an integrity code follows.
        session: Session id; 0 outside a session.
        sequence: Session sequence number.
        payload: The payload, still encrypted when it is.
        raw: The datagram without its RMCP header.
    """

    v20: bool
    kind: int
    encrypted: bool
    authenticated: bool
    session: int
    sequence: int
    payload: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """An IPMI request (section 13.8)."""

    responder: int
    network_function: int
    requester: int
    sequence: int
    command: int
    data: bytes


def unpack(datagram: bytes) -> Packet:
    """Take a datagram apart.

    Raises:
        Malformed: it is no IPMI.
    """
    raw = datagram[len(_RMCP) :]
    if datagram[:1] + datagram[3:4] != _RMCP[:1] + _RMCP[3:4] or not raw:
        raise Malformed
    try:
        if raw[0] == _FORMAT_V15:
            _, sequence, session, size = _V15_HEADER.unpack_from(raw)
            payload = raw[_V15_HEADER.size : _V15_HEADER.size + size]
            return Packet(False, PAYLOAD_IPMI, False, False, session, sequence, payload, raw)  # noqa: FBT003 - by position, as in the header
        if raw[0] == _FORMAT_V20:
            _, kind, session, sequence, size = _V20_HEADER.unpack_from(raw)
            payload = raw[_V20_HEADER.size : _V20_HEADER.size + size]
            return Packet(True, kind & 0x3F, bool(kind & 0x80), bool(kind & 0x40), session, sequence, payload, raw)  # noqa: FBT003 - same
    except struct.error as error:
        raise Malformed from error
    raise Malformed


def pack_v15(payload: bytes) -> bytes:
    """Return a datagram outside any session in the older format."""
    return _RMCP + _V15_HEADER.pack(_FORMAT_V15, 0, 0, len(payload)) + payload


def pack_v20(kind: int, session: int, sequence: int, payload: bytes) -> bytes:
    """Return a datagram in the newer format; flags for encryption and integrity are part of ``kind``."""
    return _RMCP + body_v20(kind, session, sequence, payload)


def body_v20(kind: int, session: int, sequence: int, payload: bytes) -> bytes:
    """Return the same without its RMCP header: what integrity codes are computed over."""
    return _V20_HEADER.pack(_FORMAT_V20, kind, session, sequence, len(payload)) + payload


def with_rmcp(body: bytes) -> bytes:
    """Return ``body`` as a datagram."""
    return _RMCP + body


def parse_message(payload: bytes) -> Message:
    """Read a request.

    Raises:
        Malformed: it is too short, or a checksum is wrong.
    """
    if len(payload) < _SHORTEST_MESSAGE or sum(payload[:3]) % 256 or sum(payload[3:]) % 256:
        raise Malformed
    return Message(payload[0], payload[1] >> 2, payload[3], payload[4], payload[5], payload[6:-1])


def response(request: Message, code: int, data: bytes) -> bytes:
    """Return the message that answers ``request`` with a completion code and data."""
    head = bytes((request.requester, (request.network_function + 1) << 2))
    body = bytes((request.responder, request.sequence, request.command, code)) + data
    return head + _checksum(head) + body + _checksum(body)


def _checksum(part: bytes) -> bytes:
    return bytes((-sum(part) % 256,))
