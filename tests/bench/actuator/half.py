"""The actuator's half of the benchmark: beside Debian's webhook with a script like the original one."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.actuator import growth, rates, reaction, readiness, storm
from tests.bench.actuator.cluster import cluster
from tests.bench.actuator.programs import actuator, webhook
from tests.bench.say import say

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox
    from tests.bench.actuator.cluster import Cluster
    from tests.bench.actuator.programs import Side
    from tests.bench.line import Line

_PAIRS = 7
_SCRIPT_PAIRS = 10
# From waking to the first answer; joining, quorum, API and storages follow in 3 s. Boots end at any moment between two
# looks of the actuator (1 s), and at any moment between two pings of the script (10 s).
_ANSWERS = (0.5, 2.5)
_SCRIPT_ANSWERS = (2.0, 12.0)
_NEVER = (3600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured; moves are of each pair that moves and in each round, as are reactions and rates in each."""

    rounds: int
    moves: int
    reactions: int
    rate_rounds: int
    rates: int
    storm: int
    pile: int
    sizes: tuple[int, ...]
    decisions: int


FULL = Effort(
    rounds=3,
    moves=10,
    reactions=60,
    rate_rounds=4,
    rates=100,
    storm=10_000,
    pile=500,
    sizes=growth.SIZES,
    decisions=11,
)
QUICK = Effort(
    rounds=1, moves=4, reactions=30, rate_rounds=2, rates=40, storm=1000, pile=100, sizes=(2, 10, 100), decisions=5
)


def measure(toolbox: Toolbox, *, quick: bool) -> list[Line]:
    """Measure it.

    Raises:
        DebianError: a tool is neither on PATH nor to be fetched.
    """
    effort = QUICK if quick else FULL
    with (
        tempfile.TemporaryDirectory(prefix="wattshift-bench-") as name,
        cluster(_SCRIPT_PAIRS, _SCRIPT_ANSWERS) as nodes,
        webhook(toolbox, nodes, Path(name, "webhook")) as peer,
    ):
        lines = _moves(Script(peer, nodes), Path(name, "moves"), effort)
        with cluster(1, _NEVER) as sleeping:
            lines += _rates(Script(peer, nodes), sleeping, Path(name, "rates"), effort)
            lines += _storm(toolbox, sleeping, Path(name, "storm"), effort)
    say("decisions in clusters of many sizes")
    return lines + growth.lines(growth.measure(effort.sizes, effort.decisions))


@dataclass(frozen=True, slots=True)
class Script:
    """The peer, and its own cluster."""

    side: Side
    nodes: Cluster


def _moves(script: Script, folder: Path, effort: Effort) -> list[Line]:
    moves: tuple[list[list[float]], list[list[float]]] = ([], [])
    reactions: tuple[list[list[float]], list[list[float]]] = ([], [])
    with cluster(_PAIRS, _ANSWERS) as nodes, actuator(nodes, folder) as ours, ThreadPoolExecutor(1) as thread:
        say("from alerts to magic packets, in turns, and from readiness to migrations, side by side")
        for _ in range(effort.rounds):
            reactions[0].append(reaction.of_actuator(ours, nodes, effort.reactions))
            # The scripts sleep nearly all the time, and so take none from the actuator.
            scripts = thread.submit(readiness.of_script, script.side, script.nodes)
            moves[0].append(readiness.of_actuator(ours, nodes, effort.moves))
            moves[1].append(scripts.result())
            reactions[1].append(reaction.of_script(script.side, script.nodes, effort.reactions))
    against = script.side.name
    return reaction.lines(*reactions, against) + readiness.lines(*moves, against)


def _rates(script: Script, sleeping: Cluster, folder: Path, effort: Effort) -> list[Line]:
    """Every notification is a new alert. The actuator's are about a guest that waits for its target, and so persisted.

    The script's are about a node that is on, so that it comes to its end.
    """
    say("answers, in turns")
    turns: tuple[list[rates.Turn], list[rates.Turn]] = ([], [])
    with actuator(sleeping, folder) as ours:
        for _ in range(effort.rate_rounds + 1):
            turns[0].append(rates.turn(ours, sleeping.pairs[0], effort.rates))
            turns[1].append(rates.turn(script.side, script.nodes.pairs[0], effort.rates))
    sleeping.put_back(sleeping.pairs[0])
    return rates.lines(turns[0][1:], turns[1][1:], script.side.name)  # the first round warms both up


def _storm(toolbox: Toolbox, sleeping: Cluster, folder: Path, effort: Effort) -> list[Line]:
    say("a storm of alerts")
    (pair,) = sleeping.pairs
    # One job at a time: the others wait for a node that does not come up, as in the worst of hours.
    with actuator(sleeping, folder, {"limits": {"parallel": 1}}) as ours:
        lines = storm.of_actuator(ours, sleeping, effort.storm)
        with webhook(toolbox, sleeping, folder / "webhook") as peer:
            return lines + storm.compare(ours, peer, pair, effort.pile)
