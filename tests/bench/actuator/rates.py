"""What an answer costs: how long it takes, how many there are in a second, and the processor time behind each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import proc
from tests.bench.actuator import storm
from tests.bench.actuator.poster import alert, notification
from tests.bench.actuator.reaction import drain
from tests.bench.line import Line
from tests.bench.spread import percentile, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.actuator.pairs import Pair
    from tests.bench.actuator.programs import Side

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's notifications of one round.

    Attributes:
        answers: Seconds of each answer over one connection.
        per_second: Answers in a second over several connections.
        done_per_second: The same, counted until all work that they began is done, as far as it is done at once.
        processor: Processor seconds for each, with all processes that were started.
    """

    answers: list[float]
    per_second: float
    done_per_second: float
    processor: float


def turn(side: Side, pair: Pair, alerts: int) -> Turn:
    """Send so many alerts one after the other, and then as many over several connections; each is a new one."""
    before = proc.cpu_seconds(side.running.pid)
    with side.poster() as poster:
        answers = [poster.post(body).seconds for body in _bodies(pair, alerts)]
    drain(side)
    processor = (proc.cpu_seconds(side.running.pid) - before) / alerts
    bodies = _bodies(pair, alerts)
    began = time.monotonic()
    sent = storm.send(side, bodies, CONNECTIONS)
    drain(side)
    return Turn(answers, alerts / sent.seconds, alerts / (time.monotonic() - began), processor)


def _bodies(pair: Pair, alerts: int) -> list[bytes]:
    return [notification([alert(pair.vmid, pair.source, pair.target)]) for _ in range(alerts)]


def lines(ours: Sequence[Turn], peers: Sequence[Turn], against: str) -> list[Line]:
    """Return all of it, of the rounds of both."""

    def line(what: str, unit: str, take: Callable[[Turn], float]) -> Line:
        mine, others = [take(each) for each in ours], [take(each) for each in peers]
        return Line(what, unit, spread(mine).median, against, spread(others).median, ratios(mine, others))

    many = f"over {CONNECTIONS} connections"
    return [
        line("answer to a notification, p50", "ms", lambda turn: percentile(turn.answers, 50) * 1e3),
        line("answer to a notification, p99", "ms", lambda turn: percentile(turn.answers, 99) * 1e3),
        line(f"answers in a second {many}", "", lambda turn: turn.per_second),
        line(f"alerts in a second {many}, until dealt with", "", lambda turn: turn.done_per_second),
        line("processor time for each alert, with children", "ms", lambda turn: turn.processor * 1e3),
    ]
