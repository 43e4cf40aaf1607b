"""The value types that everything else in the exporter speaks.

A *source* is read by the sampler and answers with a `Sample` or raises `SourceError`. The sampler keeps the newest
of each and hands out a `Snapshot`, which is all that a scrape ever sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping  # noqa: TC003 - the fields of the types below, part of their meaning
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol


class Reason(StrEnum):
    """Why a source gives no figure: a closed set, and the ``reason`` label of the error counter."""

    PERMISSION = "permission"
    """The kernel or the BMC refuses this user."""
    MISSING = "missing"
    """The device, file or program is not there."""
    TIMEOUT = "timeout"
    """No answer within the deadline."""
    BUSY = "busy"
    """It answered that it cannot answer now."""
    AUTH = "auth"
    """The BMC refused the user, password or cipher suite."""
    UNSUPPORTED = "unsupported"
    """It is there, but cannot measure this."""
    INACTIVE = "inactive"
    """The meter says of itself that it is not measuring."""
    PARSE = "parse"
    """It answered something this exporter does not understand."""
    IMPLAUSIBLE = "implausible"
    """It answered a figure that cannot be true."""


def printable(text: str) -> str:
    """Return text that can go to logs and terminals: no control character reaches them as such."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class SourceError(Exception):
    """A read that gave nothing: the named reason, and a sentence that says what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        detail = printable(detail)  # it may quote a tool
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as a source declares it; ``labels`` are those beside ``node``."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of the family called ``family``, in that family's unit."""

    family: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a source, or the part of it with these ``labels``, gave no figure."""

    reason: Reason
    detail: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """What one read of a source gave: figures, and the parts that failed beside them.

    ``up`` is False when the source did answer, but not with power (a meter that says it is inactive). ``age`` is by how
    many seconds at most the figures are older than the end of the read.
    """

    readings: tuple[Reading, ...]
    failures: tuple[Failure, ...] = ()
    up: bool = True
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source as it stands: its newest figures that are not too old, and its health.

    ``up``, ``duration`` (seconds) and ``last_success`` (Unix time) are None until there is something to tell.
    """

    source: str
    up: bool | None
    readings: tuple[Reading, ...]
    failures: tuple[Failure, ...]
    last_success: float | None
    duration: float | None
    errors: Mapping[Reason, int]
    reads: int


class Kind(StrEnum):
    """How a source contradicts another: a closed set, and the ``kind`` label of the disagreements."""

    ABOVE_METER = "above_meter"
    """Processors and memory draw more than this meter says the whole machine does."""
    FROZEN = "frozen"
    """Its figure stays the same to the last digit, though another source shows that the power has changed."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Whether the node's figure by ``source`` contradicts another: None while that cannot be judged.

    ``onsets`` counts how often it has begun to.
    """

    source: str
    kind: Kind
    holds: bool | None
    onsets: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every source as it stands at one moment."""

    states: tuple[SourceState, ...]
    disagreements: tuple[Disagreement, ...] = ()

    def figures(self, family: str) -> dict[tuple[str, ...], float]:
        """Return the figures of one family by their label values."""
        return {
            reading.labels: reading.value
            for state in self.states
            for reading in state.readings
            if reading.family == family
        }

    def failures(self, source: str) -> tuple[Failure, ...]:
        """Return what fails at ``source`` at present."""
        return tuple(failure for state in self.states if state.source == source for failure in state.failures)

    def is_up(self, source: str) -> bool:
        """Tell whether the newest read of ``source`` gave power."""
        return any(state.up is True for state in self.states if state.source == source)

    def is_frozen(self, source: str) -> bool:
        """Tell whether the node's figure by ``source`` stands still while the power changes."""
        return any(one.holds is True for one in self.disagreements if (one.source, one.kind) == (source, Kind.FROZEN))


def _since_boot() -> float:
    """Return seconds that no clock step bends and that run on while the machine is suspended (clock_gettime(2)).

    CLOCK_MONOTONIC stands still then: after a night's sleep a figure of the evening would pass for one of this moment.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _asleep() -> float:
    """Return for how many seconds of them the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks: ``monotonic`` for spans and ages, suspended time included, ``wall`` for timestamps.

    ``asleep`` is how much of the former was suspended time; it grows during a suspend alone.
    """

    monotonic: Callable[[], float] = _since_boot
    wall: Callable[[], float] = time.time
    asleep: Callable[[], float] = _asleep


class Source(Protocol):
    """A power source as the sampler runs it; ``interval`` and ``deadline`` are seconds."""

    @property
    def name(self) -> str:
        """The value of the ``source`` label."""

    @property
    def families(self) -> tuple[Family, ...]:
        """The metrics it can give."""

    @property
    def interval(self) -> float:
        """The pause between two reads."""

    @property
    def deadline(self) -> float:
        """How long one read may take."""

    def read(self) -> Sample:
        """Read once; called from one thread at a time.

        Raises:
            SourceError: nothing could be had.
        """

    def close(self) -> None:
        """End what it runs, from any thread; a read under way, or a later one, then fails soon. Safe to call twice."""
