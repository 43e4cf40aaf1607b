"""Magic packets from this machine: UDP, six 0xFF and sixteen times the MAC address, then the SecureOn password if any.

AMD, "Magic Packet Technology", 1995. Made by hand, since PyPI's wakeonlan binds to an address but not to an interface.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.adapters.waking.method import Asked, Cause, Name, NotAsked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BURST = 3
"""Packets at a time: UDP promises nothing, and a packet too many does no harm."""
_REPEATS = 16


@dataclass(frozen=True, slots=True)
class WakeTarget:
    """Where a node's network card listens while the node sleeps.

    Attributes:
        mac: Of the card that has Wake-on-LAN enabled; None for the one that Proxmox's configuration of the node named.
        broadcast: The address to send to. 255.255.255.255 leaves by the default route's interface only; on a host with
            several networks name the subnet's own broadcast address, or the interface.
        port: UDP port; 9 (discard) is usual.
        interface: Our own IP address on the network to send from, or our interface's name, or None for the system's
            choice.
        secureon: The password that the card wants behind the pattern, 6 bytes, or None.
    """

    mac: str | None = None
    broadcast: str = "255.255.255.255"
    port: int = 9
    interface: str | None = None
    secureon: bytes | None = field(default=None, repr=False)


class MagicPacket:
    """Sends magic packets from this host.

    Args:
        targets: By node.
        remembered: Tells the MAC address that was read from Proxmox while the node was up, or None.
    """

    name = Name.MAGIC_PACKET

    def __init__(
        self, targets: Mapping[str, WakeTarget], remembered: Callable[[str], str | None] = lambda _node: None
    ) -> None:
        self._targets = targets
        self._remembered = remembered

    def wake(self, node: str) -> Asked:
        """Send a burst of packets to a node.

        Raises:
            NotAsked: No address is known for the node, or the network did not take the packet.
        """
        target = self._targets.get(node, WakeTarget())
        mac = target.mac or self._remembered(node)
        if mac is None:
            raise NotAsked(
                Cause.NOT_CONFIGURED,
                f"no MAC address is known for {node}: add nodes.{node}.wake.mac, or set it in Proxmox (pvenode config "
                f"set --wakeonlan MAC) while the node is up, from where it is read",
            )
        try:
            _send(packet(mac, target.secureon), target)
        except OSError as error:
            raise NotAsked(Cause.UNREACHABLE, _trouble(node, target, error)) from error
        return Asked(self.name, certain=False, packets=_BURST)


def packet(mac: str, secureon: bytes | None = None) -> bytes:
    """The payload that wakes a card."""
    return b"\xff" * 6 + bytes.fromhex(mac.replace("-", ":").replace(":", "")) * _REPEATS + (secureon or b"")


def is_address(interface: str) -> bool:
    """Whether it is an IPv4 address, not a name."""
    try:
        ipaddress.IPv4Address(interface)
    except ValueError:
        return False
    return True


def _send(payload: bytes, target: WakeTarget) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outlet:
        outlet.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if target.interface is not None and is_address(target.interface):
            outlet.bind((target.interface, 0))
        elif target.interface is not None:
            # socket(7): since Linux 5.7 without any privilege.
            outlet.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, target.interface.encode() + b"\0")
        for _ in range(_BURST):
            outlet.sendto(payload, (target.broadcast, target.port))


def _trouble(node: str, target: WakeTarget, error: OSError) -> str:
    way = f"{target.broadcast}:{target.port}{f' by {target.interface}' if target.interface else ''}"
    if error.errno == errno.EPERM and target.interface and not is_address(target.interface):
        advice = f"give our address there instead of the name as nodes.{node}.wake.interface, or run Linux 5.7 or newer"
    else:
        advice = f"check nodes.{node}.wake.broadcast and nodes.{node}.wake.interface"
    return f"the packet could not be sent to {way} ({error.strerror or error}): {advice}"
