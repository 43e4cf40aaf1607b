"""From an alert to the first magic packet: the notification's first byte goes out, a sleeping network card hears."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.bench import proc
from tests.bench.actuator.poster import alert, notification
from tests.bench.spread import percentile, ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.actuator.cluster import Cluster
    from tests.bench.actuator.pairs import Pair
    from tests.bench.actuator.poster import Poster
    from tests.bench.actuator.programs import Side

from tests.bench.line import Line

_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 150.0
_BUDGET_MS = 250.0


def of_actuator(side: Side, cluster: Cluster, alerts: int) -> list[float]:
    """Return the seconds of so many alerts, each for a node that is off; it is off again when this returns.

    Once the packet was heard the alert resolves, which cancels the job. While it notices, other pairs have their turn.
    """
    seconds: list[float] = []
    jobs: dict[Pair, str] = {}
    with side.poster() as poster:
        for number in range(alerts):
            pair = cluster.pairs[number % len(cluster.pairs)]
            if pair in jobs:
                _reset(poster, cluster, pair, jobs.pop(pair))
            fired = alert(pair.vmid, pair.source, pair.target)
            answered = poster.post(notification([fired]))
            packet = cluster.wait("packet", pair.target, after=answered.began)
            seconds.append(packet.at - answered.began)
            poster.post(notification([fired], resolved=True))
            jobs[pair] = job_of(answered.body)
        for pair, job in jobs.items():
            _reset(poster, cluster, pair, job)
    return seconds


def of_script(side: Side, cluster: Cluster, alerts: int) -> list[float]:
    """Return the seconds of so many alerts. Their nodes are on: the packet comes first in any case, the scripts end."""
    seconds: list[float] = []
    with side.poster() as poster:
        for number in range(alerts):
            pair = cluster.pairs[number % len(cluster.pairs)]
            answered = poster.post(notification([alert(pair.vmid, pair.source, pair.target)]))
            packet = cluster.wait("packet", pair.target, after=answered.began)
            seconds.append(packet.at - answered.began)
            drain(side)
    return seconds


def lines(ours: Sequence[Sequence[float]], peers: Sequence[Sequence[float]], against: str) -> list[Line]:
    """Return p50 and p99 of all rounds' alerts; the first of the first round met an actuator that had just started."""
    first, warm = ours[0][0], [ours[0][1:], *ours[1:]]
    mine, others = [each for some in warm for each in some], [each for some in peers for each in some]
    found = [
        Line(
            f"alert received → first magic packet, p{percent} of {len(mine)}",
            "ms",
            percentile(mine, percent) * 1e3,
            against,
            percentile(others, percent) * 1e3,
            ratios([percentile(some, percent) for some in warm], [percentile(some, percent) for some in peers]),
            limit=_BUDGET_MS if percent == 99 else None,
        )
        for percent in (50, 99)
    ]
    return [*found, Line("alert received → first magic packet, the first after a start", "ms", first * 1e3)]


def job_of(body: bytes) -> str:
    """Return the job that was begun for a notification's first alert.

    Raises:
        RuntimeError: none was.
    """
    verdict = json.loads(body)["alerts"][0]
    if verdict["reason"] != "accepted":
        raise RuntimeError(f"the actuator was to begin a job: {verdict['message']}")
    return str(verdict["job_id"])


def await_end(poster: Poster, job: str) -> str:
    """Wait until a job is over; return its last state.

    Raises:
        RuntimeError: it is not, for long.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (found := poster.get(f"/api/v1/jobs/{job}"))["finished_at"] is None:
        if time.monotonic() > until:
            raise RuntimeError(f"job {job} does not end: {found['message']}")
        time.sleep(_LOOK_SECONDS)
    return str(found["state"])


def drain(side: Side) -> None:
    """Wait until all scripts have ended.

    Raises:
        RuntimeError: they do not, for longer than the script's own patience.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while not proc.is_childless(side.running.pid):
        if time.monotonic() > until:
            raise RuntimeError("webhook's scripts do not end")
        time.sleep(_LOOK_SECONDS)


def _reset(poster: Poster, cluster: Cluster, pair: Pair, job: str) -> None:
    await_end(poster, job)
    cluster.put_back(pair)
