"""What is known of one source: its newest figures, its health, and when to read it next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.readings import Failure, Reason, Sample, SourceError, SourceState

if TYPE_CHECKING:
    from exporter.readings import Reading, Source

# A source keeps its own deadline and knows best what it waited for; this much later it is called overdue from outside.
_GRACE_SECONDS = 1.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Track:
    """The record of one source. Not thread-safe: the sampler holds its lock; all times are handed in."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._began: float | None = None
        self._late = False
        self._up: bool | None = None
        self._readings: tuple[Reading, ...] = ()
        self._failures: tuple[Failure, ...] = ()
        self._read_at = 0.0
        self._last_success: float | None = None
        self._duration: float | None = None
        self._errors = dict.fromkeys(Reason, 0)
        self._downs = 0
        self._reads = 0

    def begin(self, now: float) -> None:
        """Note that a read starts."""
        self._began, self._late = now, False

    def check(self, now: float) -> None:
        """Count the read under way as timed out, once, when it is overdue; none is started beside it."""
        waited = now - self._began if self._began is not None else 0.0
        if not self._late and waited > self.source.deadline + _GRACE_SECONDS:
            self._late = True
            self._fail((Failure(Reason.TIMEOUT, f"no end after {waited:.1f} s; still waiting for it"),))

    def overdue(self, now: float) -> bool:
        """Tell whether a read is under way that should have ended, and count it as `check` does."""
        self.check(now)
        return self._late

    def finish(self, result: Sample | SourceError, now: float, wall: float) -> None:
        """Take what the read gave. What comes after its time is dropped: it tells of an earlier moment.

        A failed read leaves the last figures standing until they are too old, so that one lost answer does not make
        the node's figure jump to another source. An answer, however bad, replaces them.
        """
        self.check(now)
        self._duration = now - self._began if self._began is not None else 0.0
        late, self._began, self._late = self._late, None, False
        if late:
            return
        if isinstance(result, SourceError):
            self._fail((Failure(result.reason, result.detail),))
            return
        self._readings, self._read_at = result.readings, now - result.age
        if not result.up:
            self._fail(result.failures)
            self._downs = 0  # it answers: an energy counter's window must not grow until a wrap can hide in it
            return
        self._up, self._failures, self._downs = True, result.failures, 0
        self._last_success = wall
        self._reads += 1
        self._count(result.failures)

    def pause(self) -> float:
        """Return the seconds until the next read; they grow while the source does not answer."""
        if self._downs == 0:
            return self.source.interval
        growing = max(_FIRST_PAUSE, self.source.interval) * 2.0 ** min(self._downs - 1, 10)
        return max(self.source.interval, min(growing, _LONGEST_PAUSE))

    def state(self, now: float, max_age: float) -> SourceState:
        """Return the source as it stands; figures older than ``max_age`` seconds are gone."""
        return SourceState(
            source=self.source.name,
            up=self._up,
            readings=self._readings if now - self._read_at <= max_age else (),
            failures=self._failures,
            last_success=self._last_success,
            duration=self._duration,
            errors=dict(self._errors),
            reads=self._reads,
        )

    def _fail(self, failures: tuple[Failure, ...]) -> None:
        self._up, self._failures = False, failures
        self._downs += 1
        self._reads += 1
        self._count(failures)

    def _count(self, failures: tuple[Failure, ...]) -> None:
        for failure in failures:
            self._errors[failure.reason] += 1
