"""HA's own rebalancing, which would move guests back that we have moved (``GET /cluster/options``, ``crs``).

A single guest can be kept from it (``auto-rebalance`` of ``GET /cluster/ha/resources``, PVE 9.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, warning

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts

TITLE = "HA rebalancing"

_OPTION = "ha-auto-rebalance"


def check(facts: Facts) -> list[Finding]:
    """Judge the cluster's options."""
    if not facts.options.good or not isinstance(facts.options.data, dict):
        return [warning("the cluster's options cannot be told, so neither whether HA moves guests by itself")]
    if str(properties(facts.options.data.get("crs")).get(_OPTION, "0")) in {"0", "False"}:
        return [ok("HA does not move guests by itself")]
    moved, settled = _services(facts)
    if settled and not moved:
        return [ok(f"HA rebalances guests by itself, but leaves {', '.join(settled)} where they are")]
    which = f"guests that it manages ({', '.join(moved)})" if moved else "guests that it manages"
    but = f"; it leaves {', '.join(settled)} where they are" if settled else ""
    return [
        warning(
            f"HA rebalances guests by itself and may undo our moves of {which}{but}",
            f"ha-manager set {moved[0] if moved else 'vm:ID'} --auto-rebalance 0  # for each guest that we may move",
            f"pvesh set /cluster/options --crs ha=static,{_OPTION}=0  # or for all of them, on a node of the cluster",
        )
    ]


def _services(facts: Facts) -> tuple[list[str], list[str]]:
    """The services that HA's balancing may move, and those that it leaves alone (``auto-rebalance`` of each)."""
    told = facts.ha_resources.data if facts.ha_resources.good else None
    entries = [entry for entry in told if isinstance(entry, dict) and "sid" in entry] if isinstance(told, list) else []
    settled = {str(entry["sid"]) for entry in entries if str(entry.get("auto-rebalance", 1)) == "0"}
    return sorted({str(entry["sid"]) for entry in entries} - settled), sorted(settled)


def properties(value: object) -> dict[str, object]:
    """Return a property string (``ha=static,ha-auto-rebalance=1``), which newer versions give taken apart already."""
    if isinstance(value, dict):
        return value
    parts = (part.partition("=") for part in str(value or "").split(",") if "=" in part)
    return {key: text for key, _, text in parts}
