"""What HA says of moving a guest that it manages.

HA takes every request, and drops silently those it will not carry out; so what makes it drop one is looked for before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.cluster import Guest, Node
    from actuator.policy.rules import Rules

_DISARMED = frozenset({"disarming", "disarmed"})


@dataclass(frozen=True, slots=True)
class HaService:
    """A guest as HA's manager sees it.

    Attributes:
        node: Where it is, or should be.
        state: ``started``, ``migrate``, ``error`` ...
    """

    node: str
    state: str


@dataclass(frozen=True, slots=True)
class HaStatus:
    """HA at one moment (``GET /cluster/ha/status/current``); it is told without quorum as well.

    Attributes:
        armed: ``armed``, ``standby`` (nothing to guard), ``disarming`` or ``disarmed``; None before PVE 9.1.3, which
            does not say.
        services: By name, such as ``vm:100``.
    """

    armed: str | None = None
    services: Mapping[str, HaService] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Those of the cluster's options that matter here (``GET /cluster/options``).

    Attributes:
        ha_rebalancing: HA moves guests by itself, to balance load (``crs: ha-auto-rebalance=1``, PVE 9.2).
        ha_settled: HA services that it leaves where they are all the same (``auto-rebalance=0`` of the resource,
            ``GET /cluster/ha/resources``).
        shutdown_policy: What the shutdown of a node does to guests under HA (``ha: shutdown_policy=``); None when not
            set, which is ``conditional``.
    """

    ha_rebalancing: bool = False
    shutdown_policy: str | None = None
    ha_settled: frozenset[str] = frozenset()

    def rebalance(self, guest: Guest) -> bool:
        """Whether HA's own balancing may move this guest."""
        return self.ha_rebalancing and guest.under_ha and guest.sid not in self.ha_settled


def ha_refusal(guest: Guest, status: HaStatus | None, options: ClusterOptions | None, rules: Rules) -> Refusal | None:
    """Why HA would not move a guest, or would move it back, wherever it is to go; None for what was not looked at."""
    if not guest.under_ha:
        return None
    service = None if status is None else status.services.get(guest.sid)
    if guest.ha_state == "error" or (service is not None and service.state == "error"):
        return Refusal(
            Reason.HA_SERVICE_ERROR,
            f"HA has given up on guest {guest.vmid} (its service {guest.sid} is in the state 'error'): disable the "
            f"service, mend what is wrong, and enable it again.",
        )
    if status is not None and status.armed in _DISARMED:
        return Refusal(
            Reason.HA_DISARMED,
            f"HA is {status.armed} and moves nothing, guest {guest.vmid} included: arm it again "
            f"(ha-manager crm-command arm-ha), or take the guest out of HA.",
        )
    if options is not None and options.rebalance(guest) and not rules.allow_ha_rebalancing:
        return Refusal(
            Reason.HA_REBALANCING,
            f"HA rebalances by itself (crs: ha-auto-rebalance) and could move guest {guest.vmid} back: keep it from "
            f"this guest (ha-manager set {guest.sid} --auto-rebalance 0), switch it off, or set "
            f"guests.allow_ha_rebalancing to move the guest all the same.",
        )
    return None


def ha_target_refusal(guest: Guest, target: Node) -> Refusal | None:
    """Why HA would drop the request for this target."""
    if not guest.under_ha or target.ha_state in {None, "online"}:  # old versions say nothing
        return None
    return Refusal(
        Reason.HA_TARGET_NOT_ONLINE,
        f"HA sees node {target.name} as '{target.ha_state}' and would drop the request without a word: see "
        f"`ha-manager status`, and order the move again once it says 'online'.",
    )
