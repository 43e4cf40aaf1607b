"""The lab's own stretch of loopback, so that several labs run side by side and beside whatever this machine runs."""

from __future__ import annotations

import random
import socket

_ATTEMPTS = 100
_PORTS = (20100, 32700)  # above the usual services' ports, below Linux's for clients


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nothing on this machine has on all addresses.

    It is no service's usual one, neither of one that runs (every Proxmox node listens on all addresses at 8006) nor of
    one that is started while the lab is up; and none that the kernel gives to clients (ip_local_port_range), which on
    all addresses would have it before the lab does, as each ipmitool's does.

    Raises:
        OSError: every port that was tried is taken.
    """
    for _ in range(_ATTEMPTS):
        port = random.randint(*_PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"No free port from {_PORTS[0]} to {_PORTS[1]} was found for the lab: stop labs that still run.")


class Network:
    """A claimed 127.x.y.0/24: nobody else's lab uses it while this object is open.

    Raises:
        OSError: every network that was tried is another lab's.
    """

    def __init__(self) -> None:
        for _ in range(_ATTEMPTS):
            prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                # An abstract name (unix(7)) belongs to one socket at a time, and goes with its process.
                claim.bind(f"\0wattshift-lab-{prefix}")
            except OSError:
                claim.close()
                continue
            self._claim = claim
            self._prefix = prefix
            return
        raise OSError("No free 127.x.y.0/24 was found for the lab: stop labs that still run.")

    def address(self, number: int) -> str:
        """Return the address of node ``number`` (1 to 200)."""
        return f"{self._prefix}.{10 + number}"

    def close(self) -> None:
        """Let the network go."""
        self._claim.close()
