"""Magic packets over real UDP: loopback has a broadcast address too."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.waking import MagicPacket, WakeTarget
from actuator.errors import Permanent, Temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

MAC = "0c:9d:92:86:bb:63"
BROADCAST = "127.255.255.255"


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    """A socket that hears broadcasts on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((BROADCAST, 0))
        receiver.settimeout(10)
        yield receiver


def test_a_burst_of_magic_packets_arrives(ear: socket.socket) -> None:
    """Each packet is six 0xFF and sixteen times the address, and as many arrive as are claimed."""
    waker = MagicPacket({"pve": WakeTarget(MAC, BROADCAST, ear.getsockname()[1])})

    sent = waker.wake("pve")

    packets = [ear.recv(1024) for _ in range(sent)]
    assert sent == 3
    assert set(packets) == {b"\xff" * 6 + bytes.fromhex(MAC.replace(":", "")) * 16}


def test_the_own_address_is_used(ear: socket.socket) -> None:
    """A configured interface address is the sender's address."""
    waker = MagicPacket({"pve": WakeTarget(MAC, BROADCAST, ear.getsockname()[1], interface="127.0.0.7")})

    waker.wake("pve")

    assert ear.recvfrom(1024)[1][0] == "127.0.0.7"


def test_a_node_without_address_cannot_be_woken() -> None:
    """The message names the key to add."""
    with pytest.raises(Permanent, match=r"add nodes\.pve3\.wake\.mac"):
        MagicPacket({}).wake("pve3")


def test_a_network_that_takes_no_packet_is_temporary() -> None:
    """An address that is not ours is the network's error: tried again, with what to check in the message."""
    waker = MagicPacket({"pve": WakeTarget(MAC, BROADCAST, 9, interface="192.0.2.1")})

    with pytest.raises(Temporary, match=r"nodes\.pve\.wake\.interface"):
        waker.wake("pve")
