"""The Wake-on-LAN ear hears real datagrams, and only its own name."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING

import pytest
import wakeonlan
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.clock import ManualClock
from deploy.lab.cluster import Stage
from deploy.lab.ear import BROADCAST, called_macs
from deploy.lab.plans import ORIGINAL_MAC, two_nodes
from deploy.lab.world import Lab
from tests.lab.client import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAC = st.binary(min_size=6, max_size=6)


def pattern(mac: bytes) -> bytes:
    """Return the magic pattern of an address."""
    return b"\xff" * 6 + mac * 16


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment, its time standing still."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock()) as lab:
        yield lab


def send(lab: Lab, payload: bytes, address: str = BROADCAST) -> None:
    """Send one datagram and wait until it was heard."""
    heard = lab.packets
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outlet:
        outlet.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        outlet.sendto(payload, (address, lab.wake_port))
    lab.wait_until(lambda: lab.packets > heard)


def test_a_real_magic_packet_wakes_the_node(lab: Lab) -> None:
    """The packet that the wakeonlan library broadcasts starts the boot of the node it names."""
    wakeonlan.wake(ORIGINAL_MAC, host=BROADCAST, port=lab.wake_port)
    lab.wait_until(lambda: lab.node("pve").stage is Stage.POWERED)

    assert lab.packets == 1


def test_a_directed_packet_wakes_the_node_too(lab: Lab) -> None:
    """A packet sent to the node's own address is heard like a broadcast."""
    send(lab, pattern(bytes.fromhex(ORIGINAL_MAC.replace(":", ""))), lab.address("pve"))

    assert lab.node("pve").stage is Stage.POWERED


def test_proxmox_sends_a_packet_for_us(lab: Lab) -> None:
    """``POST /nodes/{node}/wakeonlan`` on a living node wakes the other one."""
    answer = call(lab, "pve2", "POST", "/nodes/pve/wakeonlan")
    lab.wait_until(lambda: lab.packets == 1)

    assert answer.json() == {"data": ORIGINAL_MAC}
    assert lab.node("pve").stage is Stage.POWERED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"garbage",
        pattern(bytes.fromhex("0c9d9286bb64")),
        pattern(bytes.fromhex("0c9d9286bb63"))[:-1],
        pattern(bytes.fromhex("0c9d9286bb63"))[1:],
    ],
    ids=["empty", "garbage", "another", "cut short", "five bytes of sync"],
)
def test_what_does_not_call_the_node_leaves_it_asleep(lab: Lab, payload: bytes) -> None:
    """Other addresses and broken packets are counted and nothing more."""
    send(lab, payload)

    assert lab.node("pve").stage is Stage.OFF


def test_packets_for_a_node_that_is_on_do_nothing(lab: Lab) -> None:
    """A repeated packet does not start a second boot."""
    payload = pattern(bytes.fromhex(ORIGINAL_MAC.replace(":", "")))
    send(lab, payload)
    lab.advance(60)
    send(lab, payload)

    assert (lab.node("pve").stage, lab.node("pve").boots) == (Stage.READY, 1)


def test_a_card_with_a_password_wants_it(tmp_path: Path) -> None:
    """SecureOn: without the six bytes, or with others, the node sleeps on."""
    plan = two_nodes()
    plan = dataclasses.replace(plan, nodes=(dataclasses.replace(plan.nodes[0], secureon=b"secret"), plan.nodes[1]))
    payload = pattern(bytes.fromhex(ORIGINAL_MAC.replace(":", "")))
    with Lab(plan, tmp_path, clock=ManualClock()) as lab:
        for wrong in (b"", b"secre", b"Secret"):
            send(lab, payload + wrong)
        assert lab.node("pve").stage is Stage.OFF

        send(lab, payload + b"secret")
        assert lab.node("pve").stage is Stage.POWERED


@given(before=st.binary(max_size=40), mac=MAC, after=st.binary(max_size=40))
def test_the_pattern_is_heard_anywhere_in_the_payload(before: bytes, mac: bytes, after: bytes) -> None:
    """Whatever surrounds the pattern, its address is among those called."""
    assert mac.hex(":") in called_macs(before + pattern(mac) + after)


@given(mac=MAC.filter(lambda mac: mac != b"\xff" * 6), position=st.integers(0, 101))
def test_one_wrong_byte_breaks_the_pattern(mac: bytes, position: int) -> None:
    """A packet that differs from the pattern in one byte does not call that address."""
    payload = bytearray(pattern(mac))
    payload[position] ^= 0x55

    assert mac.hex(":") not in called_macs(bytes(payload))
