"""The shapes of what Proxmox tells of HA and of the cluster's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.adapters import fields
from actuator.policy.ha import ClusterOptions, HaService, HaStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


def ha_status_of(answer: object) -> HaStatus:
    """From ``GET /cluster/ha/status/current``: entries of type quorum, fencing, master, lrm and service.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    armed: str | None = None
    services: dict[str, HaService] = {}
    for entry in fields.entries(answer):
        kind = entry.get("type")
        if kind == "fencing" and entry.get("armed-state") is not None:
            armed = str(entry["armed-state"])
        elif kind == "service":
            services[fields.text(entry, "sid")] = HaService(fields.text(entry, "node"), _state(entry))
    return HaStatus(armed, services)


def cluster_options_of(answer: object) -> ClusterOptions:
    """From ``GET /cluster/options``; a token without Sys.Audit on / is told of no option that matters here.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    options = fields.entry(answer)
    balancing = _properties(options.get("crs")).get("ha-auto-rebalance")
    policy = _properties(options.get("ha")).get("shutdown_policy")
    return ClusterOptions(
        ha_rebalancing=str(balancing) in {"1", "True"},
        shutdown_policy=None if policy is None else str(policy),
    )


def settled_of(answer: object) -> frozenset[str]:
    """The HA services that automatic balancing leaves alone, from ``GET /cluster/ha/resources`` (PVE 9.2).

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    told = ((fields.text(entry, "sid"), fields.number(entry, "auto-rebalance")) for entry in fields.entries(answer))
    return frozenset(sid for sid, balanced in told if balanced == 0)  # what is not told is on


def _state(entry: Mapping[str, Any]) -> str:
    # The manager's own word first: "state" is made up for people, and was all there was before PVE 6.
    return str(entry.get("crm_state") or entry.get("state") or "unknown")


def _properties(value: object) -> dict[str, object]:
    """A property string (``ha=static,ha-auto-rebalance=1``), which newer versions give taken apart already."""
    if isinstance(value, dict):
        return value
    parts = (part.partition("=") for part in str(value or "").split(","))
    return {key.strip(): text.strip() for key, equals, text in parts if equals}
