"""What one probe shows: a BMC's figures, and how asking it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from exporter.readings import Family, Sample
from exporter.sources.dcmi import Dcmi

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from exporter.readings import SourceError

_UP = Family("wattshift_source_up", "gauge", "Whether the source's newest read gave power (1) or not (0).", ("source",))
_DURATION = Family("wattshift_source_duration_seconds", "gauge", "How long the source's newest read took.", ("source",))
FAILURE = Family(
    "wattshift_source_failure", "gauge", "1 for the reason why this very read gave no power.", ("source", "reason")
)
"""Not a counter: a probe has no history, which is Prometheus's."""


class ProbeFamilies:
    """The collector of one probe of ``target``, whose series carry ``node``."""

    def __init__(self, node: str, target: str, result: Sample | SourceError, duration: float) -> None:
        self._node = node
        self._target = target
        self._result = result
        self._duration = duration

    def describe(self) -> list[Metric]:
        """Return nothing: what there is depends on the BMC."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what there is.

        For a BMC that refused the password::

            wattshift_source_up{node="bmc1",source="dcmi"} 0.0
            wattshift_source_duration_seconds{node="bmc1",source="dcmi"} 0.04
            wattshift_source_failure{node="bmc1",source="dcmi",reason="auth"} 1.0
        """
        result = self._result
        sample = result if isinstance(result, Sample) else Sample((), up=False)
        for family in Dcmi.families:
            values = [reading.value for reading in sample.readings if reading.family == family.name]
            if values:
                yield self._gauge(family, [((self._target,), value) for value in values])
        yield self._gauge(_UP, [((Dcmi.name,), float(sample.up))])
        yield self._gauge(_DURATION, [((Dcmi.name,), self._duration)])
        reasons = {failure.reason for failure in (result.failures if isinstance(result, Sample) else (result,))}
        if reasons:
            yield self._gauge(FAILURE, [((Dcmi.name, reason), 1.0) for reason in sorted(reasons)])

    def _gauge(self, family: Family, rows: Sequence[tuple[tuple[str, ...], float]]) -> Metric:
        metric = GaugeMetricFamily(family.name, family.help, labels=["node", *family.labels])
        for labels, value in rows:
            metric.add_metric([self._node, *labels], value)
        return metric
