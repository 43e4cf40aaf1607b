"""The pages every exporter has: its metrics, its health, and one that leads there."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from exporter import text_format
from exporter.web.page import HTML, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client.registry import CollectorRegistry

    from exporter.web.page import Page

_LANDING = """<!doctype html>
<html lang="en"><title>Wattshift exporter</title>
<h1>Wattshift exporter</h1>
<p>Electric power of node {node}.</p>
<ul><li><a href="/metrics">Metrics</a></li><li><a href="/-/healthy">Health</a></li></ul>
</html>
"""


def metrics(registry: CollectorRegistry) -> Page:
    """Return the page that shows ``registry``."""
    return lambda _: Answer(text_format.encode(registry), text_format.CONTENT_TYPE)


def site(registry: CollectorRegistry, node: str) -> Mapping[str, Page]:
    """Return the pages of ``node``'s exporter by path."""
    return {
        "/": lambda _: Answer(_LANDING.format(node=html.escape(node)).encode(), HTML),
        "/-/healthy": lambda _: Answer(b"Wattshift exporter is healthy.\n"),
        "/metrics": metrics(registry),
    }
