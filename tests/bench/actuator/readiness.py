"""From the moment a woken node can take a guest until somebody asks for the migration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bench.actuator.poster import alert, notification
from tests.bench.actuator.reaction import await_end, drain, job_of
from tests.bench.line import Line
from tests.bench.spread import percentile, ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.actuator.cluster import Cluster
    from tests.bench.actuator.pairs import Pair
    from tests.bench.actuator.programs import Side

_BUDGET_SECONDS = 1.5
_AT_A_TIME = 2  # limits.parallel, as shipped
_WHAT = "target truly ready → migration asked for"


def of_actuator(side: Side, cluster: Cluster, moves: int) -> list[float]:
    """Return the seconds of so many moves of a pair's guest, of as many pairs side by side as is shipped."""

    def work(pair: Pair) -> list[float]:
        return [_move(side, cluster, pair) for _ in range(moves)]

    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        return [each for some in threads.map(work, cluster.pairs[:_AT_A_TIME]) for each in some]


def _move(side: Side, cluster: Cluster, pair: Pair) -> float:
    with side.poster() as poster:
        answered = poster.post(notification([alert(pair.vmid, pair.source, pair.target)]))
        job = job_of(answered.body)
        ready = cluster.wait("node", pair.target, "ready", after=answered.began)
        asked = cluster.requested(f"POST /nodes/{pair.source}/qemu/{pair.vmid}/migrate", after=answered.began)
        if (state := await_end(poster, job)) != "succeeded":
            raise RuntimeError(f"the actuator's move of guest {pair.vmid} was to succeed, and {state}")
    cluster.put_back(pair)
    return asked.at - ready.at


def of_script(side: Side, cluster: Cluster) -> list[float]:
    """Return the seconds of one script for each pair, all side by side; below 0: it asked before the node was ready.

    Every node was off before and is on when this returns.
    """
    for pair in cluster.pairs:
        cluster.put_back(pair)
    seconds: list[float] = []
    with side.poster() as poster:
        # One after the other, so that none is late because others start; what they then do is sleep.
        began = {}
        for pair in cluster.pairs:
            answered = poster.post(notification([alert(pair.vmid, pair.source, pair.target)]))
            cluster.wait("packet", pair.target, after=answered.began)
            began[pair] = answered.began
        for pair, moment in began.items():
            asked = cluster.wait("asked", pair.target, after=moment)
            ready = cluster.wait("node", pair.target, "ready", after=moment)
            seconds.append(asked.at - ready.at)
    drain(side)
    return seconds


def lines(ours: Sequence[Sequence[float]], peers: Sequence[Sequence[float]], against: str) -> list[Line]:
    """Return p50 and p99 of all rounds' moves, and how many were asked for before the target was ready."""
    mine, others = _late(ours), _late(peers)
    everything = [[each for some in rounds for each in some] for rounds in (ours, peers)]
    early = [sum(each < 0 for each in some) for some in everything]
    return [
        *(
            Line(
                f"{_WHAT}, p{percent} of {sum(map(len, mine))}",
                "s",
                percentile([each for some in mine for each in some], percent),
                against,
                percentile([each for some in others for each in some], percent),
                ratios([percentile(some, percent) for some in mine], [percentile(some, percent) for some in others]),
                limit=_BUDGET_SECONDS if percent == 99 else None,
            )
            for percent in (50, 99)
        ),
        Line(f"{_WHAT}, longest", "s", max(everything[0]), against, max(everything[1])),
        Line(
            f"migrations asked for too early, of {len(everything[0])} and {len(everything[1])}",
            "",
            early[0],
            against,
            early[1],
            limit=0.0,
        ),
    ]


def _late(rounds: Sequence[Sequence[float]]) -> list[list[float]]:
    """Each round's waits, without those that were none because the migration was asked for too early."""
    return [[each for each in some if each >= 0] for some in rounds]
