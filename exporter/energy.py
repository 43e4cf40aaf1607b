"""A wrapping energy counter turned into one that only grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exporter.readings import Reason, SourceError

# No single zone draws this much. It bounds how soon a counter could wrap unseen.
_MOST_WATTS = 2000
_ASLEEP_SECONDS = 0.1  # less is two clocks read one after the other


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy since the first reading, and the mean power since the previous one.

    ``watts`` is None when there is no previous one, or when it was so long ago that the mean tells of another time.
    """

    microjoules: int
    watts: float | None


class EnergyMeter:
    """Unwraps one zone's ``energy_uj``.

    The kernel's counter runs from 0 to ``max_energy_range_uj`` and starts again
    (Documentation/power/powercap/powercap.rst). Prometheus would take the wrap for a reset and lose the rest of the
    range, up to a fifth of the power. Sums are integer microjoules: a float would lose them after 104 days at 1 kW.

    A window longer than ``longest_window`` seconds counts, but its mean is no present power. A counter that shows less
    than before has wrapped; unless the machine was suspended meanwhile, which may also reset it: then nothing tells
    which, and nothing is guessed.
    """

    def __init__(self, longest_window: float = math.inf) -> None:
        self._longest_window = longest_window
        self._total = 0
        self._raw: int | None = None
        self._span = 0
        self._at = 0.0
        self._asleep = 0.0

    def advance(self, raw: int, span: int, now: float, asleep: float = 0.0) -> Energy:
        """Take the counter's value ``raw`` (µJ, of at most ``span`` µJ) read at ``now`` (monotonic seconds).

        ``asleep`` is for how many seconds in all the machine was suspended so far.

        Raises:
            SourceError: implausible. The value is outside the counter's range; or the range has changed; or so much
                time went by that a wrap may hide in it; or it fell while the machine was suspended; or the zone would
                have drawn more than any zone can (the counter was reset). In all but the first case counting starts
                anew from ``raw``, and what was counted so far stands.
        """
        if not 0 <= raw <= span:
            raise SourceError(Reason.IMPLAUSIBLE, f"{raw} µJ is outside the counter's range of {span} µJ")
        before, elapsed = self._raw, now - self._at
        if before is not None and elapsed <= 0:
            return Energy(self._total, None)
        slept = asleep - self._asleep > _ASLEEP_SECONDS
        span_before, self._raw, self._span, self._at, self._asleep = self._span, raw, span, now, asleep
        if before is None:
            return Energy(self._total, None)
        if span != span_before:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"the counter's range changed from {span_before} to {span} µJ: the window is left out",
            )
        step = self._step(before, raw, elapsed, slept=slept)
        self._total += step
        return Energy(self._total, step / 1e6 / elapsed if elapsed <= self._longest_window else None)

    def _step(self, before: int, raw: int, elapsed: float, *, slept: bool) -> int:
        """Return the microjoules between two values, of which the first is within the range as well.

        Raises:
            SourceError: implausible.
        """
        longest = self._span / 1e6 / _MOST_WATTS
        if elapsed > longest:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"{elapsed:.1f} s passed between two readings, and a wrap may hide in more than {longest:.1f} s: "
                "the window is left out; if this repeats, lower --rapl.interval",
            )
        if raw < before and slept:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"the counter fell from {before} to {raw} µJ while the machine was suspended: it has wrapped or was "
                "reset, and the window is left out",
            )
        step = raw - before if raw >= before else self._span - before + raw
        watts = step / 1e6 / elapsed
        if watts > _MOST_WATTS:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"the counter went from {before} to {raw} µJ in {elapsed:.1f} s, which is {watts:.0f} W: "
                "it was reset, and the window is left out",
            )
        return step

    def start_anew(self) -> None:
        """Forget the last value, since the next is another counter's; what was counted so far stands."""
        self._raw = None
