"""The Wake-on-LAN ear: the network cards of all nodes, listening on the lab's broadcast address."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BROADCAST = "127.255.255.255"
_SYNC = b"\xff" * 6
_REPEATS = 16
_MAC_BYTES = 6
_SECUREON_BYTES = 6


def calls(payload: bytes) -> list[tuple[str, bytes]]:
    """Return the MAC addresses whose magic pattern stands anywhere in ``payload``, in lower case, with what follows.

    The pattern is six bytes FF and sixteen times the address (AMD, "Magic Packet Technology", 1995); what follows, six
    bytes at most, is a SecureOn password to cards that want one.
    """
    found: dict[str, bytes] = {}
    start = payload.find(_SYNC)
    while start >= 0:
        mac = payload[start + len(_SYNC) : start + len(_SYNC) + _MAC_BYTES]
        pattern = _SYNC + mac * _REPEATS
        if payload.startswith(pattern, start) and len(mac) == _MAC_BYTES:
            end = start + len(pattern)
            found.setdefault(mac.hex(":"), payload[end : end + _SECUREON_BYTES])
        start = payload.find(_SYNC, start + 1)
    return list(found.items())


def called_macs(payload: bytes) -> list[str]:
    """Return the MAC addresses alone."""
    return [mac for mac, _ in calls(payload)]


class Ear(asyncio.DatagramProtocol):
    """Hears datagrams sent to the broadcast address or to a node's own, and tells who is called, with what behind it.

    Attributes:
        packets: Datagrams heard, whatever was in them.
    """

    def __init__(self, called: Callable[[str, bytes], None]) -> None:
        self._called = called
        self._transports: list[asyncio.BaseTransport] = []
        self.packets = 0
        self.port = 0

    async def listen(self, addresses: Iterable[str], port: int) -> None:
        """Listen on the broadcast address at ``port`` (0 takes a free one), and on ``addresses`` too."""
        loop = asyncio.get_running_loop()
        self.port = port
        for address in (BROADCAST, *addresses):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(address, self.port), allow_broadcast=True
            )
            self._transports.append(transport)
            self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """Handle one datagram."""
        del addr
        self.packets += 1
        for mac, password in calls(data):
            self._called(mac, password)

    def send(self, sender: str, payload: bytes) -> None:
        """Broadcast a datagram to this ear from the address ``sender``, as a node of the lab does."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outlet:
            outlet.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            outlet.bind((sender, 0))
            outlet.sendto(payload, (BROADCAST, self.port))

    def close(self) -> None:
        """Listen no more."""
        while self._transports:
            self._transports.pop().close()
