"""The benchmark's result as a table: for a terminal, and for docs/performance.md. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.line import Line

EXPORTER, ACTUATOR = "make bench", "make bench, the actuator"  # the two places for figures in docs/performance.md
_HEAD = ("what", "ours", "peer", "against", "ratio (spread)", "budget", "met")
_VERDICTS = {True: "yes", False: "NO", None: ""}
_PLAIN = 1000  # from here on a figure has no decimals


def cells(line: Line) -> tuple[str, ...]:
    """Return a line as a table shows it, in the order of its columns."""
    ratio = f"{line.ratio.median:.2f} ({line.ratio.low:.2f} to {line.ratio.high:.2f})" if line.ratio else ""
    times = " times" if line.ratio else ""
    bounds = (
        "" if line.budget is None else f"≤ {line.budget:g}{times}",
        "" if line.limit is None else f"≤ {line.limit:g} {line.unit}".rstrip(),
        "" if line.aim is None else f"aim {line.aim:g}",
    )
    budget = ", ".join(filter(None, bounds))
    verdict = _VERDICTS[line.met]
    if line.met is None and line.aim is not None and line.ratio is not None:
        verdict = "yes" if line.ratio.median <= line.aim else "no, see below"
    peer = "" if line.peer is None else _figure(line.peer, line.unit)
    return (line.what, _figure(line.ours, line.unit), peer, line.against, ratio, budget, verdict)


def _figure(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}".rstrip() if value >= _PLAIN else f"{value:.3g} {unit}".rstrip()


def table(lines: Sequence[Line]) -> str:
    """Return the lines in columns, for a terminal."""
    rows = [_HEAD, *map(cells, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown(lines: Sequence[Line], facts: Mapping[str, str]) -> str:
    """Return the lines as a table in Markdown, below what they were measured on."""
    head = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in facts.items()), ""]
    rows = [_HEAD, ("---",) * len(_HEAD), *map(cells, lines)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def written_into(document: str, place: str, figures: str) -> str:
    """Return ``document`` with ``figures`` in place of what stood between the two marks of ``place``.

    Raises:
        ValueError: the marks are not there, once each and in order.
    """
    first, last = marks(place)
    before, begin, rest = document.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end) or first in rest or last in before + after:
        raise ValueError(f"the document needs one line {first} and below it one line {last}")
    return f"{before}{first}\n{figures}\n{last}{after}"


def marks(place: str) -> tuple[str, str]:
    """Return the lines between which the figures of ``place`` stand."""
    return f"<!-- {place}: begin -->", f"<!-- {place}: end -->"
