"""Magic packets over real UDP: loopback has a broadcast address too."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest
import wakeonlan
from hypothesis import given
from hypothesis import strategies as st

from actuator.adapters.waking import Asked, Cause, MagicPacket, Name, NotAsked, WakeTarget
from actuator.adapters.waking.magic_packet import packet

if TYPE_CHECKING:
    from collections.abc import Iterator

MAC = "0c:9d:92:86:bb:63"
BROADCAST = "127.255.255.255"
PATTERN = b"\xff" * 6 + bytes.fromhex(MAC.replace(":", "")) * 16
SECRET = bytes.fromhex("a1b2c3d4e5f6")


@pytest.fixture
def ear() -> Iterator[socket.socket]:
    """A socket that hears broadcasts on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((BROADCAST, 0))
        receiver.settimeout(10)
        yield receiver


def waker(ear: socket.socket, mac: str | None = MAC, **fields: str | bytes) -> MagicPacket:
    """Packets for ``pve`` to that ear."""
    target = WakeTarget(mac, BROADCAST, ear.getsockname()[1], **fields)  # type: ignore[arg-type]
    return MagicPacket({"pve": target}, {"pve": "0c:9d:92:86:bb:63"}.get)


def test_a_burst_of_magic_packets_arrives(ear: socket.socket) -> None:
    """Each packet is six 0xFF and sixteen times the address, and as many arrive as are claimed."""
    asked = waker(ear).wake("pve")

    packets = [ear.recv(1024) for _ in range(asked.packets)]
    assert asked == Asked(Name.MAGIC_PACKET, certain=False, packets=3)
    assert set(packets) == {PATTERN}


def test_a_password_follows_the_pattern(ear: socket.socket) -> None:
    """A card with SecureOn gets its six bytes, which no text of ours shows."""
    waker(ear, secureon=SECRET).wake("pve")

    assert ear.recv(1024) == PATTERN + SECRET
    assert repr(SECRET)[2:-1] not in repr(WakeTarget(MAC, secureon=SECRET))


def test_the_own_address_is_used(ear: socket.socket) -> None:
    """A configured address of ours is the sender's address."""
    waker(ear, interface="127.0.0.7").wake("pve")

    assert ear.recvfrom(1024)[1][0] == "127.0.0.7"


def test_the_own_interface_is_used(ear: socket.socket) -> None:
    """A configured interface sends the packet; one that is not there sends none, and is told."""
    waker(ear, interface="lo").wake("pve")
    assert ear.recv(1024) == PATTERN

    with pytest.raises(NotAsked, match=r"by nowhere0 \(No such device\).*nodes\.pve\.wake\.interface") as failed:
        waker(ear, interface="nowhere0").wake("pve")
    assert failed.value.cause is Cause.UNREACHABLE


def test_a_remembered_address_does_when_none_is_configured(ear: socket.socket) -> None:
    """What was read from Proxmox is used, but the operator's own word goes before it."""
    waker(ear, mac=None).wake("pve")
    assert ear.recv(1024) == PATTERN
    for _ in range(2):
        ear.recv(1024)

    waker(ear, mac="0C-9D-92-86-BB-64").wake("pve")
    assert ear.recv(1024) == b"\xff" * 6 + bytes.fromhex("0c9d9286bb64") * 16


def test_a_node_without_address_cannot_be_woken() -> None:
    """The message names the key to add, and where Proxmox keeps it."""
    with pytest.raises(NotAsked, match=r"add nodes\.pve3\.wake\.mac.*pvenode config set --wakeonlan") as failed:
        MagicPacket({"pve3": WakeTarget()}).wake("pve3")

    assert failed.value.cause is Cause.NOT_CONFIGURED


def test_a_network_that_takes_no_packet_is_told() -> None:
    """An address that is not ours is the network's error, with what to check in the message."""
    target = WakeTarget(MAC, BROADCAST, 9, interface="192.0.2.1")

    with pytest.raises(NotAsked, match=r"nodes\.pve\.wake\.interface") as failed:
        MagicPacket({"pve": target}).wake("pve")

    assert failed.value.cause is Cause.UNREACHABLE
    assert isinstance(failed.value.__cause__, OSError)
    assert failed.value.__cause__.errno == errno.EADDRNOTAVAIL


@given(mac=st.binary(min_size=6, max_size=6), secureon=st.none() | st.binary(min_size=6, max_size=6))
def test_the_packet_is_the_one_that_others_make(mac: bytes, secureon: bytes | None) -> None:
    """PyPI's wakeonlan makes the same bytes of every address, with and without a password."""
    text = mac.hex(":") if secureon is None else f"{mac.hex(':')}/{secureon.hex(':')}"

    assert packet(mac.hex(":"), secureon) == wakeonlan.create_magic_packet(text)
