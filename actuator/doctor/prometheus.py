"""Prometheus: whether it answers, and has a figure and a threshold for each node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts
    from actuator.policy.power import Power

TITLE = "Prometheus"


def check(facts: Facts) -> list[Finding]:
    """Judge what it knows of the configured nodes."""
    if facts.prometheus is None:
        return [ok("not asked: without 'prometheus' in the configuration, choices are by memory and processors alone")]
    if facts.prometheus.error is not None:
        return [problem(facts.prometheus.error)]
    power, doubts = facts.prometheus.told
    findings = [warning(doubt) for doubt in doubts]
    for name in facts.settings.nodes:
        findings += _node(name, power, off=facts.members.get(name) is False)
    return findings or [ok("it has a figure and a threshold for each node")]


def _node(name: str, power: Power, *, off: bool) -> list[Finding]:
    if name not in power.node_watts:
        if off:
            return []
        return [
            warning(
                f"it has no wattshift_node_watts of {name}: no alert about that node can fire",
                f"wattshift-exporter doctor  # on {name}; and see its target in prometheus.yml",
            )
        ]
    if name in power.node_thresholds:
        return []
    return [
        warning(
            f"no threshold fits the source that measures {name}, so no alert about it can fire",
            "editor /etc/prometheus/rules/thresholds.yml && systemctl reload prometheus",
        )
    ]
