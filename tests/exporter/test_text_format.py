"""Our text is prometheus-client's, letter for letter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from exporter import text_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(st.tuples(st.tuples(TEXTS, TEXTS), st.floats()), max_size=5)
FAMILIES = st.lists(st.tuples(st.sampled_from([GaugeMetricFamily, CounterMetricFamily]), TEXTS, ROWS), max_size=4)


class Fixed:
    """A collector of families that stand fast."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        yield from self._families


def registry(*families: Metric) -> CollectorRegistry:
    """Return a registry with these families."""
    made = CollectorRegistry(auto_describe=False)
    made.register(Fixed(list(families)))
    return made


@given(families=FAMILIES)
def test_it_is_what_the_library_writes(
    families: list[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, list[tuple[tuple[str, str], float]]]],
) -> None:
    """Whatever help, label values and figures there are: quotes, line ends, not-a-number among them."""
    metrics: list[Metric] = []
    for number, (kind, text, rows) in enumerate(families):
        metric = kind(f"wattshift_{number}", text, labels=["node", "name"])
        for labels, value in rows:
            metric.add_metric(labels, value)
        metrics.append(metric)
    shown = registry(*metrics)

    assert text_format.encode(shown) == generate_latest(shown)


def test_series_look_like_this() -> None:
    """Labels by name, a counter by its full name, large figures as Go writes them."""
    energy = CounterMetricFamily("wattshift_joules_total", "Energy.", labels=["node", "domain"])
    energy.add_metric(["pve2", "dram"], 1.5)
    free = GaugeMetricFamily("wattshift_free", "Free.", value=math.inf)

    assert text_format.encode(registry(energy, free)).decode() == (
        "# HELP wattshift_joules_total Energy.\n"
        "# TYPE wattshift_joules_total counter\n"
        'wattshift_joules_total{domain="dram",node="pve2"} 1.5\n'
        "# HELP wattshift_free Free.\n"
        "# TYPE wattshift_free gauge\n"
        "wattshift_free +Inf\n"
    )


def test_the_content_type_is_the_format_s() -> None:
    """Prometheus 3 refuses an answer whose type it does not know."""
    assert text_format.CONTENT_TYPE.startswith("text/plain; version=0.0.4")
