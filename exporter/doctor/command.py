"""``wattshift-exporter doctor``: read every source as the service would, run the checks, print, and end in time."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from exporter.doctor.account import find
from exporter.doctor.as_service import Measurer, may_become
from exporter.doctor.finding import State
from exporter.doctor.report import CHECKS, POWER, examine, render
from exporter.doctor.where import Tools, Where, with_sbin
from exporter.node_power import node_power
from exporter.readings import Clock, Snapshot, SourceState, printable
from exporter.sampler import Sampler
from exporter.table import has_power, is_settled, measuring
from exporter.wiring import make_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from exporter.doctor.account import Account
    from exporter.doctor.finding import Block
    from exporter.settings import Settings

_ENDINGS = frozenset({signal.SIGTERM, signal.SIGHUP})  # of the parent's word, and of the terminal that closes
_INTERVAL = 1.0  # seconds between the two samples that a power figure takes
_TOOL_SECONDS = 5.0
_ACCOUNT_SECONDS = 1.0  # before everything else
_SETTLE_SECONDS = 10.0
_TELL_SECONDS = 1.0  # for the way from one process to the other
_CHECK_SECONDS = 12.0


def doctor(settings: Settings) -> int:
    """Print what is wrong and how to mend it; 0 when any power can be measured, else 1. Takes 15 s at most.

    The settings are those that the service is started with: what they name is what is looked at. Sources are read with
    the service's own rights, where this process may take them on; the other checks keep this process's.
    """
    environment = with_sbin(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.getLogger("exporter.sampler").setLevel(logging.CRITICAL)  # the findings say it all
    service = find(settings.etc, settings.procfs, Tools(environment, _ACCOUNT_SECONDS))
    tools = Tools(environment, _TOOL_SECONDS)
    measurer = _start(service if service and may_become(service) else None, partial(_measure, settings, environment))
    settled = _Settled(measurer, settings)
    try:
        blocks = examine(Where(settings, settled.state, tools.ask, tools.has, service), CHECKS, _CHECK_SECONDS)
        snapshot = settled.snapshot()
    finally:
        tools.close()
        measurer.close()
    sys.stdout.write(render(blocks, colour=is_coloured(sys.stdout)))
    sys.stdout.write(f"\n{verdict(snapshot, settings, blocks)}\n")
    return 0 if has_power(snapshot, settings.node_order) else 1


def _start(account: Account | None, measure: Callable[[Callable[[Snapshot], None]], None]) -> Measurer:
    try:
        return Measurer(account, measure)
    except OSError as error:
        why = f"the rights of the service's user cannot be had ({error.strerror})"
        sys.stderr.write(f"{why}: measuring with this process's own; run it as root of the node itself\n")
        return Measurer(None, measure)


def is_coloured(out: TextIO) -> bool:
    """Tell whether what is written there may have colour (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _measure(settings: Settings, environment: dict[str, str], tell: Callable[[Snapshot], None]) -> None:
    sources = make_sources(settings.hurried(_INTERVAL, _SETTLE_SECONDS), Clock(), environment)
    sampler = Sampler(sources, settings.max_age, Clock())
    # Waited for, since an exception out of a signal's handler may land anywhere, in a finaliser even.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    threading.Thread(target=_end_when_told, args=(sampler,), name="end", daemon=True).start()
    sampler.start()
    try:
        tell(sampler.wait_until(is_settled, _SETTLE_SECONDS))
    finally:
        sampler.close()


def _end_when_told(sampler: Sampler) -> None:
    signal.sigwait(_ENDINGS)
    try:
        sampler.close()
    finally:
        os._exit(0)


class _Settled:
    """What the sources said once all had their say, or the time for it was over."""

    def __init__(self, measurer: Measurer, settings: Settings) -> None:
        self._measurer = measurer
        self._lock = threading.Lock()
        self._until = time.monotonic() + _SETTLE_SECONDS + _TELL_SECONDS
        self._nothing = Snapshot(
            tuple(SourceState(name, None, (), (), None, None, {}, 0) for name in sorted(settings.collectors))
        )
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Return all of it; the first who asks waits for all."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = self._measurer.result(self._until - time.monotonic()) or self._nothing
            return self._snapshot

    def state(self, name: str) -> SourceState | None:
        """Return a source's state, None when it is switched off."""
        return next((state for state in self.snapshot().states if state.source == name), None)


def verdict(snapshot: Snapshot, settings: Settings, blocks: Sequence[Block]) -> str:
    """Return the last sentence: who measures, or where to start when nothing does."""
    sources = measuring(snapshot)
    if sources:
        power = node_power(snapshot, settings.node_order)
        by = f"the node's figure comes from {power.source}" if power else "none of them stands for the whole node"
        return f"Power can be measured: by {', '.join(sources)}; {by}."
    problems = [
        finding
        for block in blocks
        if block.title in POWER
        for finding in block.findings
        if finding.state == State.PROBLEM
    ]
    mend = next((finding.commands[0] for finding in problems if finding.commands), None)
    if mend:
        return f"No source gives power: start with: {mend}"
    if problems:
        return printable(f"No source gives power. What stands in the way first: {problems[0].sentence}.")
    return "No source gives power, and no command mends that: it takes hardware that measures."
