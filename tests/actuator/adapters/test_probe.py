"""Signs of life, knocked for on real TCP ports."""

from __future__ import annotations

import socket
import time
from contextlib import closing

from actuator.adapters.probe import answers
from deploy.lab.network import free_port


def test_an_open_port_is_a_sign() -> None:
    """One of several is enough."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        assert answers("127.0.0.1", (free_port(), listener.getsockname()[1]), seconds=20)


def test_closed_ports_are_none() -> None:
    """A refusal is no sign, and is not waited on."""
    began = time.monotonic()

    assert not answers("127.0.0.1", (free_port(), free_port()), seconds=60)
    assert time.monotonic() - began < 30


def test_silence_is_none() -> None:
    """A port that takes nobody any more answers nobody; that costs no more than the given time."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):
            assert not answers("127.0.0.1", (port,), seconds=0.05)


def test_an_address_that_is_none() -> None:
    """Neither a name nor a kind of address that this machine lacks is an error."""
    assert not answers("fe80::1", (22,), seconds=0.05)
    assert not answers("::ffff:0:0", (22,), seconds=0.05)


def test_an_ipv6_address() -> None:
    """Clusters on IPv6 answer too."""
    with closing(socket.create_server(("::1", 0), family=socket.AF_INET6)) as listener:
        assert answers("::1", (listener.getsockname()[1],), seconds=20)
