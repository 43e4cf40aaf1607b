"""The node's power divided among its guests, the host itself and what lies idle. Pure.

**The model.** Power is divided by processor time alone. In a window in which the machine could have given
``capacity`` CPU seconds, a guest that used ``cpu`` of them gets ``node power x cpu / capacity``; ``host`` gets the
share of all other work, ``idle`` that of the time in which no processor did anything. Whatever the figures, the rows
are whole microwatts that add up to the node's power exactly: shares are rounded by largest remainder.

**Its limits.** It is an estimate, good for comparing guests on one node and for adding them up:

* Nothing but CPU time counts. A guest that keeps disks, a network card or a graphics card busy with little CPU time
  is estimated too low, and every CPU second costs the same, whatever its instructions, clock rate or sibling thread.
* ``idle`` is not what the node draws at rest. A processor that waits draws far less than one that works, so on a node
  with load part of what ``idle`` gets was in truth caused by the guests. What switching a guest off would save cannot
  be read from here.
* The node's power and the CPU times have windows of their own, each some seconds long, that do not end together.
* ``host`` holds everything that cannot be told apart: the kernel, Proxmox's services, storage, a guest's first window,
  the last moments of one that left, and a guest whose counter cannot be read (which is counted as an error).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.readings import Family
from exporter.sources import guests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.cpu_window import CpuWindow
    from exporter.node_power import NodePower
    from exporter.readings import Snapshot

FAMILY = Family(
    "wattshift_guest_watts",
    "gauge",
    "Estimate: the node's power divided by CPU time among its guests, the host itself and idle time; adds up to it.",
    ("id", "name"),
)

_MICRO = 1_000_000
_HOST = ("host", "")
_IDLE = ("idle", "")


def guest_power(snapshot: Snapshot, power: NodePower | None) -> dict[tuple[str, str], float]:
    """Return watts by id and name, ``host`` and ``idle`` last; nothing without the node's power or the CPU times.

    Both are of the same snapshot, so that what one scrape shows adds up: a sum of the rows, each rounded to microwatts,
    is the node's power rounded to microwatts.
    """
    window = guests.newest_window(snapshot)
    if power is None or power.watts < 0 or window is None:
        return {}
    shares = divide(round(power.watts * _MICRO), window)
    return {labels: microwatts / _MICRO for labels, microwatts in shares.items()}


def divide(microwatts: int, window: CpuWindow) -> dict[tuple[str, str], int]:
    """Return the microwatts of each guest, of the host and of idle time: none below 0, in all ``microwatts``.

    Where the guests used more than all work there was, the host has none and idle time gives way; where they used more
    than the machine has, which only reading them at different moments can bring about, they share all of it.
    """
    used = sum(window.guests.values())
    whole = max(window.capacity, used)
    host = max(0, window.busy - used)
    times = {**window.guests, _HOST: host, _IDLE: whole - used - host}
    return dict(zip(times, _apportion(microwatts, list(times.values()), whole), strict=True))


def _apportion(amount: int, weights: Sequence[int], whole: int) -> list[int]:
    """Divide ``amount`` by weights that add up to ``whole``; what rounding leaves goes to the largest remainders."""
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: amount * weights[n] % whole, reverse=True)
    for n in by_remainder[: amount - sum(parts)]:
        parts[n] += 1
    return parts
