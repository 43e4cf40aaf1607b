"""Waking a node by magic packet (UDP, six 0xFF and sixteen times the MAC address)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wakeonlan import wake

from actuator.errors import Permanent, Temporary

if TYPE_CHECKING:
    from collections.abc import Mapping

_BURST = 3
"""Packets at a time: UDP promises nothing, and a packet too many does no harm."""


class Waker(Protocol):
    """A way of waking nodes."""

    @property
    def method(self) -> str:
        """Its name, for metrics."""
        ...

    def wake(self, node: str) -> int:
        """Ask a node to wake; returns the packets sent. Says nothing about whether it will."""
        ...


@dataclass(frozen=True, slots=True)
class WakeTarget:
    """Where a node's network card listens while the node sleeps.

    Attributes:
        mac: Of the card that has Wake-on-LAN enabled.
        broadcast: The address to send to. 255.255.255.255 leaves by the default route's interface only; on a host with
            several networks name the subnet's own broadcast address.
        port: UDP port; 9 (discard) is usual.
        interface: Our own IP address on the network to send from, or None for the system's choice.
    """

    mac: str
    broadcast: str = "255.255.255.255"
    port: int = 9
    interface: str | None = None


class MagicPacket:
    """Sends magic packets from this host."""

    method = "magic_packet"

    def __init__(self, targets: Mapping[str, WakeTarget]) -> None:
        self._targets = targets

    def wake(self, node: str) -> int:
        """Send a burst of packets to a node.

        Returns:
            How many packets were sent.

        Raises:
            Permanent: No address is configured for the node.
            Temporary: The network did not take the packet; the message says what to look at.
        """
        target = self._targets.get(node)
        if target is None:
            raise Permanent(f"no wake address is configured for node {node}: add nodes.{node}.wake.mac")
        try:
            wake(*[target.mac] * _BURST, host=target.broadcast, port=target.port, interface=target.interface)
        except OSError as error:
            raise Temporary(
                f"the magic packet for {node} could not be sent to {target.broadcast}:{target.port}"
                f"{f' from {target.interface}' if target.interface else ''} ({error.strerror or error}): "
                f"check nodes.{node}.wake.broadcast and nodes.{node}.wake.interface",
                after=5.0,
            ) from error
        return _BURST
