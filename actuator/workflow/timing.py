"""How patient the workflow is. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Timing:
    """The operator's patience.

    Attributes:
        boot_timeout_seconds: From the first request to wake to membership in the cluster; servers take minutes.
        boot_timeouts: Node -> its own boot timeout.
        ready_timeout_seconds: From membership to everything a migration needs. As long are other things waited for that
            should follow by themselves: a guest's lock that somebody else holds, HA taking up a request.
        migration_timeout_seconds: Without any progress of a running migration.
        verify_timeout_seconds: From the end of the migration until the cluster shows the guest running on the target;
            its statistics lag some ten seconds behind.
        poll_seconds: Between two looks.
        packet_interval_seconds: Between two requests to wake.
        unreachable_timeout_seconds: Of Proxmox giving no usable answer.
        settle_seconds: From a move's end until its nodes' watts are looked at again: the minute of the mean, and some
            scrapes. As long a node that has just got up may draw too much for the guest before that counts.
    """

    boot_timeout_seconds: float = 300.0
    boot_timeouts: Mapping[str, float] = field(default_factory=dict)
    ready_timeout_seconds: float = 120.0
    migration_timeout_seconds: float = 3600.0
    verify_timeout_seconds: float = 60.0
    poll_seconds: float = 1.0
    packet_interval_seconds: float = 20.0
    unreachable_timeout_seconds: float = 300.0
    settle_seconds: float = 90.0

    def boot_timeout(self, node: str) -> float:
        """How long this node may take to join."""
        return self.boot_timeouts.get(node, self.boot_timeout_seconds)
