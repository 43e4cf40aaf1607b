"""What a reader chooses at the top of a board."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable, TextBoxVariable
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableOption, VariableRefresh, VariableSort

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
"""The Prometheus that was chosen: every query goes there."""

NODE = 'node=~"$node"'
GUEST = 'id=~"$guest"'
A_GUEST = 'id!~"host|idle"'
"""Matchers. ``host`` and ``idle`` are the shares of a node's power that are no guest's."""

_LABEL_VALUES = 1
"""As Grafana's own editor of variables writes it, which would show an empty form otherwise."""


def datasource() -> DatasourceVariable:
    """Which Prometheus."""
    return DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def node() -> QueryVariable:
    """Which nodes, by Prometheus's memory of the time shown, so that one that sleeps now can be chosen."""
    return _labels("node", "Node", "label_values(wattshift_node_watts, node)")


def guest() -> QueryVariable:
    """Which guests of those nodes, by their ids such as ``qemu/100``."""
    return _labels("guest", "Guest", f"label_values(wattshift_guest_watts{{{NODE}, {A_GUEST}}}, id)")


def tariff() -> TextBoxVariable:
    """The price of a kilowatt-hour, in whatever currency: what is shown as cost is in the same."""
    return (
        TextBoxVariable("tariff")
        .label("Price of 1 kWh")
        .description("A number with a decimal point, such as 0.30, in any currency; costs are in the same.")
        .default_value("0.30")
        .current(VariableOption(text="0.30", value="0.30"))
    )


def runbook() -> TextBoxVariable:
    """Where people open the runbook: Prometheus serves it, under an address that Grafana cannot know."""
    address = "http://127.0.0.1:9090/consoles/wattshift-runbook.html"
    return (
        TextBoxVariable("runbook")
        .label("Runbook")
        .description("The page wattshift-runbook.html, under the address at which you open Prometheus.")
        .default_value(address)
        .current(VariableOption(text=address, value=address))
    )


def _labels(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"qryType": _LABEL_VALUES, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
