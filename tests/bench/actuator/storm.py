"""Ten thousand alerts in one storm: how long the longest answer takes, and what is left of it all afterwards."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import proc
from tests.bench.actuator.poster import alert, notification
from tests.bench.line import Line
from tests.bench.scraper import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bench.actuator.cluster import Cluster
    from tests.bench.actuator.pairs import Pair
    from tests.bench.actuator.programs import Side

GUESTS = 200
_GROUP = 10  # alerts in a notification: those of one node
_CONNECTIONS = 8
_MEGABYTE = 1024.0
_LOOKS = 8
_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 60.0
_STRANGERS = 1000  # the numbers of guests that the cluster does not have begin here


@dataclass(frozen=True, slots=True)
class Storm:
    """What became of it.

    Attributes:
        seconds: From the first request to the last answer.
        longest: Seconds that the longest answer took.
        answers: How many there were.
    """

    seconds: float
    longest: float
    answers: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds afterwards: alerts, jobs, and the guests that these are about."""

    alerts: int
    jobs: int
    guests: int


def notifications(pair: Pair, alerts: int, guests: int = GUESTS) -> list[bytes]:
    """Return notifications with so many new alerts in all, in turns about so many guests; the pair's is one of them.

    The others are guests that the cluster does not have: their jobs wait until that one's is over.
    """
    vmids = itertools.cycle([pair.vmid, *range(_STRANGERS, _STRANGERS + guests - 1)])
    each = [alert(vmid, pair.source, pair.target) for vmid in itertools.islice(vmids, alerts)]
    return [notification(each[start : start + _GROUP]) for start in range(0, alerts, _GROUP)]


def send(side: Side, bodies: Sequence[bytes], connections: int, copies: int = 1) -> Storm:
    """Send them over so many connections at once; each of so many copies of Alertmanager does, over its own.

    Raises:
        ExceptionGroup: not everything was answered well; the threads' errors are in it.
    """
    seconds: list[float] = []
    errors: list[Exception] = []
    start = threading.Barrier(copies * connections + 1, timeout=_PATIENCE_SECONDS)
    lock = threading.Lock()

    def work(queue: Iterator[bytes]) -> None:
        try:
            with side.poster() as poster:
                start.wait()
                while (body := _next(queue, lock)) is not None:
                    seconds.append(poster.post(body).seconds)
        except (OSError, RuntimeError, NoAnswer) as error:
            errors.append(error)

    queues = [iter(bodies) for _ in range(copies)]
    threads = [threading.Thread(target=work, args=(queue,)) for queue in queues for _ in range(connections)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    ended = time.monotonic()
    if errors:
        raise ExceptionGroup("not everything was answered", errors)
    return Storm(ended - began, max(seconds), len(seconds))


def _next(queue: Iterator[bytes], lock: threading.Lock) -> bytes | None:
    with lock:
        return next(queue, None)


def kept(database: Path) -> Kept:
    """Count what the actuator's database holds."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (alerts,) = connection.execute("SELECT count(DISTINCT fingerprint) FROM episodes").fetchone()
        jobs, guests = connection.execute("SELECT count(*), count(DISTINCT vmid) FROM jobs").fetchone()
    return Kept(alerts, jobs, guests)


def of_actuator(side: Side, cluster: Cluster, alerts: int) -> list[Line]:
    """Let two Alertmanagers send so many alerts each, the same ones; return what became of it.

    Raises:
        ValueError: the side has no database, and so is not the actuator.
    """
    if side.database is None:
        raise ValueError(f"{side.name} keeps nothing")
    pair = cluster.pairs[0]
    first = notification([alert(pair.vmid, pair.source, pair.target)])
    with side.poster() as poster:
        cluster.wait("packet", pair.target, after=poster.post(first).began)
    before = proc.tree_kilobytes(side.running.pid)
    storm = send(side, notifications(pair, alerts), _CONNECTIONS, copies=2)
    found, after = kept(side.database), proc.tree_kilobytes(side.running.pid)
    what = f"storm of {alerts} alerts, from two Alertmanagers"
    return [
        Line(f"{what}: longest of {storm.answers} answers", "ms", storm.longest * 1e3, limit=1000.0),
        Line(f"{what}: alerts in a second", "", 2 * alerts / storm.seconds),
        Line(f"{what}: alerts not persisted", "", alerts + 1 - found.alerts, limit=0.0),
        Line(f"{what}: jobs beyond one for each guest", "", found.jobs - found.guests, limit=0.0),
        Line(f"{what}: memory (PSS) after it", "MB", after / _MEGABYTE, "before it", before / _MEGABYTE),
    ]


def _settled(pid: int) -> int:
    """Return how many processes there are once no more are added: scripts start after they were answered for."""
    most, looks = 0, 0
    while looks < _LOOKS:
        time.sleep(_LOOK_SECONDS)  # there is no event to wait for in programs that are not ours
        found = 1 + len(proc.descendants(pid))
        looks = 0 if found > most else looks + 1
        most = max(most, found)
    return most


def compare(ours: Side, peer: Side, pair: Pair, alerts: int) -> list[Line]:
    """Let one Alertmanager send so many alerts, each by itself, to either; return what they have left running.

    The pair's target is off and stays so, as nodes do for minutes.
    """
    left: list[tuple[Storm, int, int]] = []
    for side in (ours, peer):
        bodies = [notification([alert(pair.vmid, pair.source, pair.target)]) for _ in range(alerts)]
        sent, pid = send(side, bodies, _CONNECTIONS), side.running.pid
        left.append((sent, _settled(pid), proc.tree_kilobytes(pid)))
    (mine, one, small), (other, many, large) = left
    what = f"{alerts} alerts while the target boots"
    return [
        Line(f"{what}: longest answer", "ms", mine.longest * 1e3, peer.name, other.longest * 1e3),
        Line(f"{what}: processes afterwards", "", one, peer.name, many),
        Line(f"{what}: memory (PSS) of all of them", "MB", small / _MEGABYTE, peer.name, large / _MEGABYTE),
    ]
