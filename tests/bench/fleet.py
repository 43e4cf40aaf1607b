"""Many BMCs asked at once through one exporter: how long until the last has answered, and what it costs."""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import proc
from tests.bench.line import Line
from tests.bench.scraper import NoAnswer
from tests.bench.spread import ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.serving import Running

_LOOK_SECONDS = 0.1
_GZIP = b"\x1f\x8b"
_MEGABYTE = 1024.0


@dataclass(frozen=True, slots=True)
class Side:
    """An exporter in its fleet mode: the path that asks a BMC, and the metric that shows its power."""

    running: Running
    path: Callable[[str], str]
    metric: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """All BMCs asked once, side by side: who answered with power, when the last of them had, and the cost of all."""

    answered: int
    seconds: float
    cpu_seconds: float
    kilobytes: int


def sweep(side: Side, bmcs: Sequence[str]) -> Sweep:
    """Ask every BMC at the same moment, each over a connection of its own."""
    ends: list[float] = []
    start = threading.Barrier(len(bmcs) + 1)

    def ask(bmc: str) -> None:
        start.wait()
        try:
            with side.running.scraper(side.path(bmc)) as scraper:
                body = scraper.scrape().body
        except (OSError, NoAnswer):
            return  # no power came of it
        if f"\n{side.metric}" in plain(body):
            ends.append(time.monotonic())

    threads = [threading.Thread(target=ask, args=(bmc,)) for bmc in bmcs]
    for thread in threads:
        thread.start()
    before = proc.cpu_seconds(side.running.pid)
    start.wait()
    began, most = time.monotonic(), 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, proc.family_kilobytes(side.running.pid))
        time.sleep(_LOOK_SECONDS)
    cpu = proc.cpu_seconds(side.running.pid) - before
    return Sweep(len(ends), max(ends, default=began) - began, cpu, most)


def plain(body: bytes) -> str:
    """Return the text of an answer, which may be compressed (in one chunk, or by its length)."""
    start = body.find(_GZIP)
    if start < 0:
        return body.decode(errors="replace")
    return gzip.decompress(body[start:].removesuffix(b"\r\n0\r\n\r\n")).decode()


def compare(what: str, ours: Side, peer: Side, bmcs: Sequence[str], rounds: int) -> list[Line]:
    """Sweep with either in turns; return our figures beside the peer's."""
    pairs = [(sweep(ours, bmcs), sweep(peer, bmcs)) for _ in range(rounds)]

    def line(figure: str, unit: str, take: Callable[[Sweep], float]) -> Line:
        mine, others = [take(pair[0]) for pair in pairs], [take(pair[1]) for pair in pairs]
        ratio = ratios(mine, others)
        return Line(f"{what}: {figure}", unit, spread(mine).median, "ipmi_exporter", spread(others).median, ratio)

    return [
        line("gave power", "", lambda sweep: sweep.answered),
        line("until the last that gave power", "s", lambda sweep: sweep.seconds),
        line("processor time with children", "s", lambda sweep: sweep.cpu_seconds),
        line("most memory (PSS) with children", "MB", lambda sweep: sweep.kilobytes / _MEGABYTE),
    ]
