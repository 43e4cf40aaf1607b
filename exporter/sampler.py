"""Reads every source in the background, each at its own pace, and keeps what they said.

One thread a source, so a source that hangs holds up neither the others nor a scrape, and never has two reads under
way. One more thread notices the reads that are overdue.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from exporter.cross_check import CrossCheck, span
from exporter.readings import Clock, Reason, Sample, Snapshot, SourceError
from exporter.source_log import SourceLog
from exporter.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.readings import Source

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 5.0
_JOIN_SECONDS = 0.5


class Sampler:
    """Owns the sources: their threads, timing, health and errors."""

    def __init__(self, sources: Sequence[Source], max_age: float, clock: Clock) -> None:
        self._tracks = [Track(source) for source in sources]
        self._max_age = max_age
        self._clock = clock
        self._cross_check = CrossCheck(span(sources))
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._logs = {track.source.name: SourceLog() for track in self._tracks}

    def start(self) -> None:
        """Begin to read."""
        # Daemons, since a read that hangs in the kernel must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._run, args=(track,), name=track.source.name, daemon=True)
            for track in self._tracks
        ]
        self._threads.append(threading.Thread(target=self._watch, name="overdue", daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop reading and end every child process; waits a little for the reads under way."""
        self._stopping.set()
        for track in self._tracks:
            track.source.close()
        until = time.monotonic() + _JOIN_SECONDS
        for thread in self._threads:
            if thread.ident is not None:  # a signal may have come before it was started
                thread.join(max(0.0, until - time.monotonic()))

    def snapshot(self) -> Snapshot:
        """Return every source as it stands now; touches no source."""
        with self._changed:
            return self._look()

    def wait_until(self, true: Callable[[Snapshot], bool], seconds: float | None = None) -> Snapshot:
        """Return the first snapshot for which ``true`` holds, or the one at hand after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: true(self._look()), seconds)
            return self._look()

    def _look(self) -> Snapshot:
        now = self._clock.monotonic()
        for track in self._tracks:
            track.check(now)
        states = tuple(track.state(now, self._max_age) for track in self._tracks)
        return Snapshot(states, self._cross_check.state(now))

    def _run(self, track: Track) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            with self._changed:
                track.begin(self._clock.monotonic())
            result = _read(track.source)
            if self._stopping.is_set():
                return  # a read that was cut short by our own ending is no failure of the source
            with self._changed:
                now = self._clock.monotonic()
                track.finish(result, now, self._clock.wall())
                snapshot = self._look()
                lines = [
                    (logging.WARNING, news) for news in self._cross_check.observe(track.source.name, snapshot, now)
                ]
                pause = track.pause()
                lines += self._tell(snapshot)
            _write(lines)

    def _watch(self) -> None:
        while not self._stopping.wait(_CHECK_SECONDS):
            now = self._clock.monotonic()
            with self._changed:
                lines = self._tell(self._look()) if any(track.overdue(now) for track in self._tracks) else []
            _write(lines)

    def _tell(self, snapshot: Snapshot) -> list[tuple[int, str]]:
        """Wake those who wait; return what to log: once a change, however often the same thing fails."""
        self._changed.notify_all()
        return [line for state in snapshot.states for line in self._logs[state.source].news(state)]


def _write(lines: Sequence[tuple[int, str]]) -> None:
    """Log, with no lock held: where nobody takes what is logged, that waits, and no scrape may wait for it."""
    for level, line in lines:
        _log.log(level, "%s", line)


def _read(source: Source) -> Sample | SourceError:
    try:
        return source.read()
    except SourceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault of ours in one read must not end the source's thread
        _log.exception("source %s: unexpected error", source.name)
        return SourceError(Reason.PARSE, f"unexpected {type(error).__name__}: {error}")
