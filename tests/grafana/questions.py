"""What the boards ask Prometheus, with variables filled in as Grafana fills them in."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grafana.boards import BOARDS, FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2 as httpx

SPAN = 900.0
"""Seconds of time shown: the last fifteen minutes."""

_SCRAPE = 5.0  # as the data source's provisioning has it
_POINTS = {"panel": 1000, "mark": 100}  # Grafana's, for a panel about as wide as that, and for marks
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LABEL_VALUES = re.compile(r"label_values\((?P<match>.+), (?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a board.

    Attributes:
        where: Board, and title of the panel, variable or mark.
        expression: PromQL, or ``label_values(...)``, with Grafana's variables in it.
        legend: What names its series.
        instant: Asked for the end of the time shown alone.
        step: Seconds between two points.
        span: Seconds of time shown.
    """

    where: str
    expression: str
    legend: str = ""
    instant: bool = False
    step: float = _SCRAPE
    span: float = SPAN

    def filled(self, chosen: Mapping[str, str]) -> str:
        """The expression with its variables filled in.

        Args:
            chosen: The board's variable -> what stands for it in a query.
        """
        values = {
            **chosen,
            "__range": f"{self.span:.0f}s",
            "__interval": f"{self.step:.0f}s",
            "__rate_interval": f"{max(self.step + _SCRAPE, 4 * _SCRAPE):.0f}s",
        }
        return re.sub(r"\$(\w+)", lambda found: values[found[1]], self.expression)


def everything() -> list[Question]:
    """Every query of every board as it is committed."""
    return [question for name in BOARDS for question in asked(json.loads((FOLDER / f"{name}.json").read_text()))]


def asked(board: Mapping[str, Any]) -> Iterator[Question]:
    """The queries of one board: of panels, of variables, of marks."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            span = _seconds(panel["timeFrom"]) if "timeFrom" in panel else SPAN
            least = max(_seconds(each.get("interval", "0s")) for each in (panel, target))
            yield Question(
                f"{board['title']}: {panel['title']}",
                target["expr"],
                target.get("legendFormat", ""),
                instant=target.get("instant", False),
                step=max(least, _step(span, "panel")),
                span=span,
            )
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Question(f"{board['title']}: variable {variable['name']}", variable["query"]["query"])
    for mark in board["annotations"]["list"]:
        yield Question(
            f"{board['title']}: mark {mark['name']}",
            mark["target"]["expr"],
            mark["titleFormat"],
            step=max(_seconds(mark["step"]), _step(SPAN, "mark")),
        )


def trouble(client: httpx.Client, question: Question, chosen: Mapping[str, str], now: float) -> str | None:
    """What is wrong with Prometheus's answer: an error, or that there is none; None when it is as it should be.

    Args:
        client: Of Prometheus's ``/api/v1``.
        question: What is asked.
        chosen: The board's variable -> what stands for it in a query.
        now: The end of the time shown, in Unix time.
    """
    expression = question.filled(chosen)
    values = _LABEL_VALUES.fullmatch(expression)
    if values:
        span = {"match[]": values["match"], "start": str(now - question.span), "end": str(now)}
        answer = client.get(f"/label/{values['label']}/values", params=span).json()
        figures = answer.get("data", [])
    elif question.instant:
        answer = client.post("/query", data={"query": expression, "time": str(now)}).json()
        figures = [each["value"][1] for each in answer.get("data", {}).get("result", [])]
    else:
        # Grafana's points lie on multiples of the step.
        first, last = (math.floor(at / question.step) * question.step for at in (now - question.span, now))
        span = {"start": str(first), "end": str(last), "step": str(question.step)}
        answer = client.post("/query_range", data={"query": expression, **span}).json()
        figures = [value for each in answer.get("data", {}).get("result", []) for _, value in each["values"]]
    if answer["status"] != "success":
        return f"{question.where}: {answer['error']}\n  {expression}"
    if not [figure for figure in figures if figure != "NaN"]:
        return f"{question.where}: no answer\n  {expression}"
    return None


def _step(span: float, what: str) -> float:
    return max(_SCRAPE, math.ceil(span / _POINTS[what]))


def _seconds(text: str) -> float:
    return float(text[:-1]) * _UNITS[text[-1]]
