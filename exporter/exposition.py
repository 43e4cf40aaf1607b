"""What a scrape shows: a snapshot as metric families. Nothing here touches hardware."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from exporter import __version__
from exporter.guest_power import FAMILY as GUEST_WATTS
from exporter.guest_power import guest_power
from exporter.node_power import FAMILY as NODE_WATTS
from exporter.node_power import node_power
from exporter.readings import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

    from exporter.readings import Snapshot

_UP = Family("wattshift_source_up", "gauge", "Whether the source's newest read gave power (1) or not (0).", ("source",))
_LAST_SUCCESS = Family(
    "wattshift_source_last_success_timestamp_seconds", "gauge", "When the source last gave power.", ("source",)
)
_DURATION = Family("wattshift_source_duration_seconds", "gauge", "How long the source's newest read took.", ("source",))
_ERRORS = Family(
    "wattshift_source_errors_total", "counter", "Reads that failed, whole or in part, by reason.", ("source", "reason")
)
_DISAGREEMENT = Family(
    "wattshift_source_disagreement",
    "gauge",
    "Whether the node's figure by this source contradicts another (1) or not (0); absent while it cannot be judged.",
    ("source", "kind"),
)
_DISAGREEMENTS = Family(
    "wattshift_source_disagreements_total",
    "counter",
    "How often the node's figure by this source began to contradict another.",
    ("source", "kind"),
)
_BUILD = Family("wattshift_exporter_build_info", "gauge", "1; what this exporter is.", ("version", "pythonversion"))

_Row = tuple[tuple[str, ...], float]


class Exposition:
    """The collector of one exporter: every series carries ``node``."""

    def __init__(
        self, node: str, families: Sequence[Family], order: Sequence[str], snapshot: Callable[[], Snapshot]
    ) -> None:
        self._node = node
        self._families = families
        self._order = order
        self._snapshot = snapshot

    def register(self, registry: CollectorRegistry) -> None:
        """Show these metrics through ``registry``."""
        registry.register(self)

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has a figure now.

        For a node with an inactive meter, one processor and one guest, beside the health of the sources::

            wattshift_dcmi_active{node="pve2",target="local"} 0.0
            wattshift_rapl_joules_total{node="pve2",package="0",die="",domain="package"} 1234.5
            wattshift_rapl_watts{node="pve2",package="0",die="",domain="package"} 41.2
            wattshift_guest_cpu_seconds_total{node="pve2",id="qemu/100",name="web"} 8416.545555
            wattshift_node_watts{node="pve2",source="rapl"} 41.2
            wattshift_guest_watts{node="pve2",id="qemu/100",name="web"} 20.6
            wattshift_guest_watts{node="pve2",id="host",name=""} 2.1
            wattshift_guest_watts{node="pve2",id="idle",name=""} 18.5
        """
        snapshot = self._snapshot()
        power = node_power(snapshot, self._order)
        rows: list[tuple[Family, list[_Row]]] = [
            (family, list(snapshot.figures(family.name).items())) for family in self._families
        ]
        rows.append((NODE_WATTS, [((power.source,), power.watts)] if power else []))
        rows.append((GUEST_WATTS, list(guest_power(snapshot, power).items())))
        rows += _health(snapshot)
        rows += _disagreements(snapshot)
        rows.append((_BUILD, [((__version__, platform.python_version()), 1.0)]))
        for family, figures in rows:
            if figures:
                yield self._render(family, figures)

    def _render(self, family: Family, figures: list[_Row]) -> Metric:
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = kind(family.name, family.help, labels=["node", *family.labels])
        for labels, value in figures:
            metric.add_metric([self._node, *labels], value)
        return metric


def _health(snapshot: Snapshot) -> Iterator[tuple[Family, list[_Row]]]:
    states = snapshot.states
    yield _UP, [((state.source,), float(state.up)) for state in states if state.up is not None]
    yield (
        _LAST_SUCCESS,
        [((state.source,), state.last_success) for state in states if state.last_success is not None],
    )
    yield _DURATION, [((state.source,), state.duration) for state in states if state.duration is not None]
    yield _ERRORS, [((state.source, reason), float(n)) for state in states for reason, n in state.errors.items()]


def _disagreements(snapshot: Snapshot) -> Iterator[tuple[Family, list[_Row]]]:
    known = snapshot.disagreements
    yield _DISAGREEMENT, [((one.source, one.kind), float(one.holds)) for one in known if one.holds is not None]
    yield _DISAGREEMENTS, [((one.source, one.kind), float(one.onsets)) for one in known]
