"""The lab's own stretch of loopback, so that several labs run side by side."""

from __future__ import annotations

import random
import socket

_ATTEMPTS = 100


class Network:
    """A claimed 127.x.y.0/24: nobody else's lab uses it while this object is open."""

    def __init__(self) -> None:
        for _ in range(_ATTEMPTS):
            prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                # The claim is a bound port that every lab asks for; the kernel gives it to one of them.
                claim.bind((f"{prefix}.1", 8006))
            except OSError:
                claim.close()
                continue
            self._claim = claim
            self._prefix = prefix
            return
        raise RuntimeError("No free 127.x.y.0/24 was found for the lab: stop labs that still run.")

    def address(self, number: int) -> str:
        """Return the address of node ``number`` (1 to 200)."""
        return f"{self._prefix}.{10 + number}"

    def close(self) -> None:
        """Let the network go."""
        self._claim.close()
