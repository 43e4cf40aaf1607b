"""Migrations as marks on every panel that shows time, from the actuator's metrics alone."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from grafana.variables import SOURCE

_LEAST_STEP = "10s"
"""Between two looks. Grafana's own is a minute, in which a short wake would be missed; long times take longer steps."""


class _PrometheusMark(AnnotationQuery):
    """What Grafana's Prometheus data source reads of a mark beside what its schema of boards knows.

    The names are those of Grafana's package ``@grafana/prometheus``: in 11 ``datasource.ts`` takes expression and step
    of the mark itself, in 12 ``annotations.ts`` takes them of its target.
    """

    def __init__(self, name: str, color: str, expression: str, title: str, *, at_value: bool = False) -> None:
        super().__init__(name=name, datasource=SOURCE, enable=True, icon_color=color, expr=expression)
        self._title = title
        self._at_value = at_value

    def to_json(self) -> dict[str, object]:
        return {
            **super().to_json(),
            "step": _LEAST_STEP,
            "target": {"expr": self.expr, "refId": "Anno", "interval": _LEAST_STEP},
            "titleFormat": self._title,
            "useValueForTime": self._at_value,
        }


def arrivals() -> AnnotationQuery:
    """A line when a guest has arrived; the metric's value is that time, in seconds, and Grafana wants milliseconds."""
    return _PrometheusMark(
        "Guest arrived",
        "green",
        "1000 * max by (source, target) ("
        'wattshift_migration_finished_timestamp_seconds{source=~"$node"}'
        ' or wattshift_migration_finished_timestamp_seconds{target=~"$node"})',
        "A guest arrived: {{source}} → {{target}}",
        at_value=True,
    )


def work() -> AnnotationQuery:
    """A band while a node is woken or a guest is moved, of whichever nodes: jobs are counted without them."""
    return _PrometheusMark(
        "Waking or moving",
        "orange",
        "max by (state) (max_over_time("
        'wattshift_jobs{state=~"waking|awaiting_ready|migrating|verifying"}[$__interval])) > 0',
        "A job is {{state}}",
    )
