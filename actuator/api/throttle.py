"""How many wrong tokens are answered before their sender has to wait: per address, and in all.

A correct token is at nobody else's mercy: failures from other addresses never count against it, and where it was
accepted once it stays accepted, so that a neighbour behind the same address (a proxy, a script with an old token on
Alertmanager's machine) does not lock Alertmanager out. The memory is bounded, whoever calls from wherever.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_PEERS: Final = 4096
"""Addresses remembered; the one that was quiet the longest is forgotten first."""

_IPV6_PREFIX: Final = 64
"""What one customer gets as a rule, and may call from with any address of."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """How much guessing is borne.

    Attributes:
        per_peer: Wrong tokens from one address in a window.
        in_all: Wrong tokens from everywhere in a window; beyond, each further one is told to wait.
        window_seconds: Counted from the first wrong one.
    """

    per_peer: int = 10
    in_all: int = 600
    window_seconds: float = 60.0


@dataclass(slots=True)
class _Window:
    begun: float
    failures: int = 0


@dataclass(slots=True)
class _Peer:
    window: _Window
    known: set[str] = field(default_factory=set)


class Throttle:
    """Counts failures.

    Args:
        limits: How many are borne.
        clock: Seconds since any moment, never back.
    """

    def __init__(self, limits: LoginLimits, *, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._peers: OrderedDict[str, _Peer] = OrderedDict()
        self._all = _Window(clock())

    def accepted(self, peer: str, holder: str) -> float | None:
        """Hear of a correct token; returns the seconds to wait when this address has to, else None.

        Args:
            peer: The caller's address.
            holder: Whose token it is.
        """
        remembered = self._peer(peer)
        if holder in remembered.known:
            return None
        if (wait := self._wait(remembered.window, self._limits.per_peer)) is None:
            remembered.known.add(holder)
        return wait

    def failed(self, peer: str) -> float | None:
        """Hear of a wrong token; returns the seconds to wait when there were too many, else None."""
        mine = self._peer(peer).window
        waits = [
            wait
            for window, limit in ((mine, self._limits.per_peer), (self._all, self._limits.in_all))
            if (wait := self._wait(window, limit)) is not None
        ]
        mine.failures += 1
        self._all.failures += 1
        return max(waits, default=None)

    def _peer(self, peer: str) -> _Peer:
        name = _network(peer)
        found = self._peers.get(name)
        if found is None:
            found = self._peers[name] = _Peer(_Window(self._clock()))
            if len(self._peers) > _PEERS:
                self._peers.popitem(last=False)
        self._peers.move_to_end(name)
        return found

    def _wait(self, window: _Window, limit: int) -> float | None:
        now = self._clock()
        end = window.begun + self._limits.window_seconds
        if now >= end or not window.failures:
            window.begun, window.failures = now, 0
            return None
        return end - now if window.failures >= limit else None


def _network(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None:
        return peer
    return str(ipaddress.ip_network((address.packed, _IPV6_PREFIX), strict=False))
