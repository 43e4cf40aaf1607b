"""The nodes and guests that are measured with: pairs, so that several measurements run side by side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """A node that is on, its one guest, and a node that sleeps, which the guest shall go to."""

    vmid: int
    source: str
    target: str
    mac: str


def pairs(number: int) -> list[Pair]:
    """Return so many pairs, 100 at most: nodes of a lab are numbered up to 200."""
    return [
        Pair(100 + index, f"source{index}", f"target{index}", f"02:00:00:00:02:{index:02x}") for index in range(number)
    ]
