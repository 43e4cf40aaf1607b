"""HA's own rebalancing, which would move guests back that we have moved (``GET /cluster/options``, ``crs``)."""

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
    return [
        warning(
            "HA rebalances guests by itself and may undo our moves of guests that it manages",
            f"pvesh set /cluster/options --crs ha=static,{_OPTION}=0  # on a node of the cluster",
        )
    ]


def properties(value: object) -> dict[str, object]:
    """Return a property string (``ha=static,ha-auto-rebalance=1``), which newer versions give taken apart already."""
    if isinstance(value, dict):
        return value
    parts = (part.partition("=") for part in str(value or "").split(",") if "=" in part)
    return {key: text for key, _, text in parts}
