"""Which metrics there are, by those who make them: the exporter, the actuator, and the recording rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from actuator.metrics import Metrics
from tests.exporter.test_documentation import families

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.adapters.store import Store

_RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
_SCRAPED = frozenset({"instance", "job", "may_sleep"})
_NAME = re.compile(r"\b(?:wattshift[_:][\w:]+|ALERTS)\b")


def metrics(store: Store) -> dict[str, frozenset[str]]:
    """Name of each series that there can be -> the labels that it can have."""
    found = {family.name: frozenset({"node", *family.labels}) for family in families()}
    found |= _of_the_actuator(store)
    found = {name: labels | _SCRAPED for name, labels in found.items()}
    found["ALERTS"] = frozenset({"alertname", "alertstate", "severity"})
    found["wattshift:node_threshold_watts"] = frozenset({"node", "source", "vmid", "target_node"})
    files = [yaml.safe_load(path.read_text()) for path in _RULES.glob("*.yml")]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"] if "record" in rule]
    for _ in rules:  # a rule may be made of another, in whichever order they stand
        found |= {rule["record"]: _kept(rule["expr"], found) for rule in rules if "vector" not in rule["expr"]}
    return found


def names(expression: str) -> set[str]:
    """The metrics that an expression names."""
    return set(_NAME.findall(expression))


def labels(expression: str) -> set[str]:
    """The labels that an expression, or a legend, names."""
    matched = re.findall(r'(\w+) ?(?:=~|!~|!=|=)"', re.sub(r"(?<=label_replace).*?(?=\")", "", expression))
    grouped = re.findall(r"\b(?:by|on|without|group_left|group_right) ?\(([\w, ]*)\)", expression)
    shown = re.findall(r"\{\{(\w+)\}\}", expression)
    return {*matched, *shown, *(label for group in grouped for label in group.split(", ") if label)}


def made(expression: str) -> set[str]:
    """The labels that an expression makes itself."""
    return set(re.findall(r'"(\w+)", "[^"]*", "\w*", "[^"]*"\)', expression))


def _kept(expression: str, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    # Those it groups by; else all that what it is made of has.
    grouped = re.findall(r"\bby \(([\w, ]+)\)", expression)
    if grouped:
        return frozenset(grouped[0].split(", "))
    return frozenset(label for name in names(expression) if name in known for label in known[name])


def _of_the_actuator(store: Store) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for collector in set(Metrics(store).registry._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            own = frozenset(collector._labelnames)
            if isinstance(collector, Histogram):
                parts = ("sum", "count") if collector._upper_bounds[0] >= 0 else ("count",)  # no sum with those below 0
                found |= {f"{collector._name}_{part}": own for part in parts}
                found[f"{collector._name}_bucket"] = own | {"le"}
            else:
                found[f"{collector._name}{'_total' if isinstance(collector, Counter) else ''}"] = own
            continue
        for family in collector.collect():
            found[family.name] = frozenset(label for sample in family.samples for label in sample.labels)
    return found
