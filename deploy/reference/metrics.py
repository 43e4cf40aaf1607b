"""The page of the actuator's metrics."""

from __future__ import annotations

from contextlib import closing
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prometheus_client.metrics import MetricWrapperBase

from actuator.adapters.store import Store
from actuator.metrics import Metrics
from deploy.reference.markdown import WRITTEN, code, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.samples import Sample

_HEAD = f"""{WRITTEN}# Metrics of the actuator

`GET /metrics` on the actuator's port. Words in labels: [Words](reasons.md). The exporter's metrics:
[Metrics](../metrics.md).

"""
_SUFFIX = {"counter": "_total"}


def page() -> str:
    """Return the page."""
    with TemporaryDirectory() as folder, closing(Store.open(f"sqlite:///{folder}/actuator.db")) as store:
        store.upgrade()
        metrics = Metrics(store)
        # A metric that nothing was counted by yet shows no sample; its labels are told by the metric itself.
        declared = {
            metric._name: tuple(metric._labelnames)  # noqa: SLF001 - the library tells them in no other way
            for metric in vars(metrics).values()
            if isinstance(metric, MetricWrapperBase)
        }
        rows = [
            (
                code(family.name + _SUFFIX.get(family.type, "")),
                family.type,
                ", ".join(declared.get(family.name) or _shown(family.samples)),
                sentence(family.documentation),
            )
            for family in metrics.registry.collect()
        ]
    return _HEAD + table(("metric", "type", "labels", "meaning"), sorted(rows))


def _shown(samples: Iterable[Sample]) -> tuple[str, ...]:
    labels = {name for sample in samples for name in sample.labels}
    return tuple(sorted(labels - {"le"}))
