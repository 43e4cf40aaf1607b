"""What is known of electric power at one moment, for choosing guests and targets.

Everything here may be missing: without Prometheus the decisions are those of memory and processors alone. An unknown
figure never refuses anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Power:
    """One look at the power of nodes and guests.

    Attributes:
        node_watts: Node -> what it draws (``wattshift_node_watts``).
        node_thresholds: Node -> how much is too much for it by the same source (``wattshift:node_threshold_watts``).
        guest_watts: vmid -> the guest's estimated share (``wattshift_guest_watts``).
    """

    node_watts: Mapping[str, float] = field(default_factory=dict)
    node_thresholds: Mapping[str, float] = field(default_factory=dict)
    guest_watts: Mapping[int, float] = field(default_factory=dict)

    def headroom(self, node: str) -> float | None:
        """Watts that the node may draw more before its own threshold is reached; None when not known."""
        watts, threshold = self.node_watts.get(node), self.node_thresholds.get(node)
        return None if watts is None or threshold is None else threshold - watts
