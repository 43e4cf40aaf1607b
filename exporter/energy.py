"""A wrapping energy counter turned into one that only grows."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.readings import Reason, SourceError

# No single zone draws this much. It bounds how soon a counter could wrap unseen, and tells a wrap from a reset.
_MOST_WATTS = 2000


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy since the first reading, and the mean power since the previous one (None: there is none yet)."""

    microjoules: int
    watts: float | None


class EnergyMeter:
    """Unwraps one zone's ``energy_uj``.

    The kernel's counter runs from 0 to ``max_energy_range_uj`` and starts again
    (Documentation/power/powercap/powercap.rst). Prometheus would take the wrap for a reset and lose the rest of the
    range, up to a fifth of the power. Sums are integer microjoules: a float would lose them after 104 days at 1 kW.
    """

    def __init__(self) -> None:
        self._total = 0
        self._raw: int | None = None
        self._at = 0.0

    def advance(self, raw: int, span: int, now: float) -> Energy:
        """Take the counter's value ``raw`` (µJ, of at most ``span`` µJ) read at ``now`` (monotonic seconds).

        Raises:
            SourceError: implausible. The value is outside the counter's range; or so much time went by that a wrap
                may hide in it; or the zone would have drawn more than any zone can (the counter was reset). In the
                last two cases counting starts anew from ``raw``, and what was counted so far stands.
        """
        if not 0 <= raw <= span:
            raise SourceError(Reason.IMPLAUSIBLE, f"{raw} µJ is outside the counter's range of {span} µJ")
        before, elapsed = self._raw, now - self._at
        if before is not None and elapsed <= 0:
            return Energy(self._total, None)
        self._raw, self._at = raw, now
        if before is None:
            return Energy(self._total, None)
        longest = span / 1e6 / _MOST_WATTS
        if elapsed > longest:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"{elapsed:.1f} s passed between two readings, and a wrap may hide in more than {longest:.1f} s: "
                "the window is left out; if this repeats, lower --rapl.interval",
            )
        step = raw - before if raw >= before else span - before + raw
        watts = step / 1e6 / elapsed
        if watts > _MOST_WATTS:
            raise SourceError(
                Reason.IMPLAUSIBLE,
                f"the counter went from {before} to {raw} µJ in {elapsed:.1f} s, which is {watts:.0f} W: "
                "it was reset, and the window is left out",
            )
        self._total += step
        return Energy(self._total, watts)
