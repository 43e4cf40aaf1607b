"""One node's BMC: answers IPMI over LAN while the node is on or off."""

from __future__ import annotations

import asyncio
import os
import struct
from typing import TYPE_CHECKING, Protocol

from deploy.lab.ipmi import packet, session
from deploy.lab.ipmi.power_meter import GROUP, PowerMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLOSE_SESSION = (0x06, 0x3C)
_POWER_READING = (0x2C, 0x02)
_INVALID_COMMAND, _INVALID_FIELD = 0xC1, 0xCC
_MOST_SESSIONS = 64
# The longest piece of the cipher suite list in one answer (section 22.15).
_SUITES_PER_ANSWER = 16


class Chassis(Protocol):
    """What a BMC can do with the machine around it."""

    def is_on(self) -> bool:
        """Return whether the machine has power."""

    def power_on(self) -> object:
        """Press the power button of a machine that is off."""

    def power_off(self) -> object:
        """Cut the power."""

    def now(self) -> float:
        """Return the BMC's clock, seconds since the epoch."""


class Bmc(asyncio.DatagramProtocol):
    """A BMC on one UDP address.

    Attributes:
        meter: Its power meter.
        commands: The (network function, command) pairs received in sessions, oldest first.
    """

    def __init__(self, chassis: Chassis, accounts: Mapping[str, str]) -> None:
        self.meter = PowerMeter()
        self.commands: list[tuple[int, int]] = []
        self._chassis = chassis
        self._accounts = accounts
        self._guid = os.urandom(16)
        self._sessions: dict[int, session.Session] = {}
        self._last_session = 0x0100_0000
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self, address: str, port: int) -> None:
        """Answer on this UDP address."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(address, port))

    def close(self) -> None:
        """Answer no more."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Answer one datagram; silence is the answer to what is not IPMI."""
        if self.meter.fault == "dead" or self._transport is None:
            return
        try:
            answer = self._answer(packet.unpack(data))
        except (packet.Malformed, struct.error, IndexError):
            return
        if answer is not None:
            self._transport.sendto(answer, addr)

    def _answer(self, received: packet.Packet) -> bytes | None:
        if received.kind == packet.PAYLOAD_IPMI:
            if received.session:
                return self._in_session(received)
            return self._before_session(received)
        return self._handshake(received)

    def _handshake(self, received: packet.Packet) -> bytes | None:
        payload = received.payload
        if received.kind == packet.OPEN_REQUEST:
            self._last_session += 1
            opened, answer = session.open_session(payload, self._last_session, self._guid)
            if opened is not None:
                self._sessions[self._last_session] = opened
                if len(self._sessions) > _MOST_SESSIONS:
                    del self._sessions[next(iter(self._sessions))]
            return packet.pack_v20(packet.OPEN_RESPONSE, 0, 0, answer)
        known = self._sessions.get(struct.unpack_from("<I", payload, 4)[0])
        if known is None:
            return None
        if received.kind == packet.RAKP1:
            return packet.pack_v20(packet.RAKP2, 0, 0, known.rakp2(payload, self._accounts))
        if received.kind == packet.RAKP3:
            last = known.rakp4(payload)
            return None if last is None else packet.pack_v20(packet.RAKP4, 0, 0, last)
        return None

    def _before_session(self, received: packet.Packet) -> bytes:
        request = packet.parse_message(received.payload)
        match request.network_function, request.command:
            case (0x06, 0x38):  # Get Channel Authentication Capabilities (22.13): RMCP+ alone, with user names
                code, data = 0x00, bytes((0x01, 0x80, 0x04, 0x02, 0, 0, 0, 0))
            case (0x06, 0x54):  # Get Channel Cipher Suites (22.15)
                code, data = 0x00, b"\x01" + self._suites(request.data[2] & 0x3F)
            case _:
                code, data = _INVALID_COMMAND, b""
        answer = packet.response(request, code, data)
        return packet.pack_v20(packet.PAYLOAD_IPMI, 0, 0, answer) if received.v20 else packet.pack_v15(answer)

    def _suites(self, index: int) -> bytes:
        records = b"".join(
            bytes((0xC0, s.number, s.authentication, 0x40 | s.integrity, 0x80 | s.confidentiality))
            for s in session.SUITES
        )
        return records[index * _SUITES_PER_ANSWER : (index + 1) * _SUITES_PER_ANSWER]

    def _in_session(self, received: packet.Packet) -> bytes | None:
        known = self._sessions.get(received.session)
        if known is None or not known.established:
            return None
        request = packet.parse_message(known.open(received))
        self.commands.append((request.network_function, request.command))
        if self.meter.fault == "hang" and (request.network_function, request.command) == _POWER_READING:
            return None
        code, data = self.execute(request)
        if (request.network_function, request.command) == _CLOSE_SESSION:
            del self._sessions[received.session]
        return known.seal(packet.response(request, code, data))

    def execute(self, request: packet.Message) -> tuple[int, bytes]:
        """Do what was asked, whichever way it came; return completion code and data."""
        code, data = 0x00, b""
        match request.network_function, request.command:
            case (0x06, 0x01):  # Get Device ID (20.1): IPMI 2.0, chassis device
                data = bytes((0x20, 0x01, 0x01, 0x00, 0x02, 0x80)) + bytes(5)
            case (0x06, 0x3B):  # Set Session Privilege Level (22.18)
                data = request.data[:1]
            case (0x06, 0x3C):  # Close Session (22.19)
                pass
            case (0x00, 0x01):  # Get Chassis Status (28.2)
                data = bytes((int(self._chassis.is_on()), 0, 0))
            case (0x00, 0x02):
                code = self._control(request.data[0] & 0x0F)
            case (0x2C, 0x02) if request.data[:2] == bytes((GROUP, 0x01)):
                code, data = self.meter.reading(int(self._chassis.now()))
            case (0x2C, 0x02):
                code = _INVALID_FIELD
            case _:
                code = _INVALID_COMMAND
        return code, data

    def _control(self, action: int) -> int:
        """Chassis Control (28.3): down, up, cycle, hard reset, soft shutdown."""
        down, up, cycle, reset, soft = 0, 1, 2, 3, 5
        if action not in (down, up, cycle, reset, soft):
            return _INVALID_FIELD
        if action != up:
            self._chassis.power_off()
        if action in (up, cycle, reset):
            self._chassis.power_on()
        return 0x00
