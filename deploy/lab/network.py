"""The lab's own stretch of loopback, so that several labs run side by side and beside whatever this machine runs."""

from __future__ import annotations

import random
import socket

_ATTEMPTS = 100


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nothing on this machine has on all addresses.

    The kernel chooses it, so no service's usual port is taken, neither one that runs (every Proxmox node listens on all
    addresses at 8006) nor one that is started while the lab is up.
    """
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
