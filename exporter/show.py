"""``wattshift-exporter read``: what every source says now, for a person; with ``--watch``, as it changes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TextIO

from exporter.interrupts import Interrupts
from exporter.live import Spread, frame
from exporter.node_power import node_power
from exporter.readings import Clock
from exporter.sampler import Sampler
from exporter.screen import Screen
from exporter.table import has_power, is_settled, render
from exporter.wiring import make_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.readings import Snapshot
    from exporter.settings import Settings

_READ_INTERVAL = 1.0  # seconds between the two samples that a power figure takes
_REDRAW_SECONDS = 1.0  # faster than a person reads
_LATEST_SECONDS = 2.0  # an age that is shown grows older by itself, and the terminal may have another size


def read(settings: Settings) -> int:
    """Print what every source says, once its figures or its reasons are known; 0 when any power is among it."""
    if settings.watch:
        return watch(settings, sys.stdout)
    with _sampling(settings.hurried(_READ_INTERVAL), Clock()) as sampler:
        snapshot = sampler.wait_until(is_settled)
    print(render(snapshot, settings.node_order))
    return 0 if has_power(snapshot, settings.node_order) else 1


def watch(settings: Settings, out: TextIO) -> int:
    """Show the table, anew whenever there is something new, until Ctrl-C, which is the way to end it: 0.

    On a terminal it is drawn in place; into a file or pipe, or where TERM is dumb, one table after another. Each source
    keeps its own pace.
    """
    clock = Clock()
    with _sampling(settings, clock) as sampler, suppress(KeyboardInterrupt):
        if out.isatty() and os.environ.get("TERM") != "dumb":
            with ExitStack() as stack:
                screen = Screen(out)
                stack.callback(screen.leave)  # before it is entered, since a signal may come right after that
                screen.enter()
                _follow(settings, sampler, clock, screen.draw)
        else:
            _follow(settings, sampler, clock, lambda lines: print(*lines, "", sep="\n", file=out, flush=True))
    return 0


def _follow(settings: Settings, sampler: Sampler, clock: Clock, draw: Callable[[list[str]], None]) -> None:
    spread, pause = Spread(), threading.Event()
    snapshot = sampler.snapshot()
    while True:
        spread.take(node_power(snapshot, settings.node_order), clock.monotonic())
        wall = clock.wall()
        title = f"Wattshift on {settings.node}  {time.strftime('%H:%M:%S', time.localtime(wall))}"
        draw([title, *frame(snapshot, settings.node_order, spread, wall)])
        pause.wait(_REDRAW_SECONDS)
        shown = _reads(snapshot)
        snapshot = sampler.wait_until(partial(_differs, shown), _LATEST_SECONDS - _REDRAW_SECONDS)


def _differs(shown: list[int], snapshot: Snapshot) -> bool:
    return _reads(snapshot) != shown


def _reads(snapshot: Snapshot) -> list[int]:
    return [state.reads for state in snapshot.states]


@contextmanager
def _sampling(settings: Settings, clock: Clock) -> Iterator[Sampler]:
    """Read the sources in the background; a signal to end leaves the block, and their children end with it."""
    sampler = Sampler(make_sources(settings, clock, os.environ), settings.max_age, clock)
    logging.getLogger("exporter.sampler").setLevel(logging.CRITICAL)  # the table says it all
    interrupts = Interrupts(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        with interrupts.held():
            sampler.start()
        yield sampler
    finally:
        sampler.close()
