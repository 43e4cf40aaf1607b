"""What an exporter costs while Prometheus scrapes it: processor time, with all it starts, and resident memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench import proc
from tests.bench.line import Line
from tests.bench.spread import ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.scraper import Scraped

SCRAPE_SECONDS = 5.0
_HOUR = 3600.0
_MEGABYTE = 1024.0


def per_hour(
    ours: tuple[int, int], peers: Sequence[int], scrapes: Sequence[Callable[[], Scraped]], windows: int, ticks: int
) -> list[Line]:
    """Scrape all of them every 5 s at once; return our processor time per hour beside the sum of the peers'.

    Args:
        ours: Our process with every source on, and another one with the sources that the peers have.
        peers: The others.
        scrapes: A scrape of each program.
        windows: How many spans the figure is taken over.
        ticks: Scrapes in each span.
    """
    used: list[tuple[float, ...]] = []
    for _ in range(windows):
        before, began = _seconds([*ours, *peers]), time.monotonic()
        for tick in range(ticks):
            for scrape in scrapes:
                scrape()
            time.sleep(max(0.0, began + (tick + 1) * SCRAPE_SECONDS - time.monotonic()))
        share = _HOUR / (time.monotonic() - began)
        used.append(tuple((now - then) * share for now, then in zip(_seconds([*ours, *peers]), before, strict=True)))
    others = [sum(figures[2:]) for figures in used]
    return [
        _time("rapl and dcmi, as the peers", [figures[1] for figures in used], others, budget=1.0),
        _time("every source on", [figures[0] for figures in used], others, aim=1.0),
    ]


def _time(
    which: str,
    mine: Sequence[float],
    others: Sequence[float],
    budget: float | None = None,
    aim: float | None = None,
) -> Line:
    return Line(
        what=f"processor time with children, {which}, scraped every 5 s",
        unit="s/h",
        ours=spread(mine).median,
        against="node_exporter + ipmi_exporter",
        peer=spread(others).median,
        ratio=ratios(mine, others),
        budget=budget,
        aim=aim,
    )


def _seconds(pids: Sequence[int]) -> list[float]:
    return [proc.cpu_seconds(pid) for pid in pids]


def memory(when: str, ours: int, node_exporter: int, ipmi_exporter: int, budget: float | None = None) -> list[Line]:
    """Return resident memory, which may have a budget, and proportional memory beside it."""
    mine, other = proc.resident_kilobytes(ours), proc.resident_kilobytes(node_exporter)
    shared = [proc.proportional_kilobytes(pid) for pid in (ours, node_exporter)]
    both = other + proc.resident_kilobytes(ipmi_exporter)
    return [
        _memory(f"resident memory (RSS), {when}", mine, "node_exporter", other, budget),
        _memory(f"proportional memory (PSS), {when}", shared[0], "node_exporter", shared[1]),
        _memory(f"resident memory (RSS), {when}", mine, "node_exporter + ipmi_exporter", both),
    ]


def _memory(what: str, mine: int, against: str, other: int, budget: float | None = None) -> Line:
    return Line(what, "MB", mine / _MEGABYTE, against, other / _MEGABYTE, ratios([mine], [other]), budget)
