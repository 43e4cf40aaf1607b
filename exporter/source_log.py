"""What to log of a source: what is new of it, each thing once, however many of its parts fail at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from exporter.readings import Failure, Reason, SourceState

_MOST_LINES = 10
"""Failures told in a line of their own at one change; a node may have hundreds of guests, each a part."""


class SourceLog:
    """Remembers what was told of one source. Not thread-safe: the sampler holds its lock."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._up: bool | None = None
        self._failing: set[tuple[Reason, tuple[str, ...]]] = set()

    def tell(self, state: SourceState) -> None:
        """Log what has changed since the call before: new failures, and that others are over."""
        if state.up is None:
            return
        failing = {(failure.reason, failure.labels): failure for failure in state.failures}
        if state.up == self._up and failing.keys() == self._failing:
            return
        known = self._failing if state.up == self._up else set()
        self._new(state, [failure for key, failure in failing.items() if key not in known])
        if state.up and not failing:
            self._log.info("source %s: up", state.source)
        elif mended := len({labels for _, labels in known} - {labels for _, labels in failing}):
            self._log.info("source %s: no longer failing: %d of its parts", state.source, mended)
        self._up, self._failing = state.up, set(failing)

    def _new(self, state: SourceState, failures: list[Failure]) -> None:
        what = "part of it is missing" if state.up else "down"
        for failure in failures[:_MOST_LINES]:
            self._log.warning("source %s: %s: %s: %s", state.source, what, failure.reason, failure.detail)
        if more := len(failures[_MOST_LINES:]):
            advice = "wattshift-exporter read shows them all"
            self._log.warning("source %s: %s: %d more such failures: %s", state.source, what, more, advice)
