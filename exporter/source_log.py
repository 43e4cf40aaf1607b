"""What to log of a source: what is new of it, each thing once, however many of its parts fail at a time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.readings import Failure, Reason, SourceState

_MOST_LINES = 10
"""Failures told in a line of their own at one change; a node may have hundreds of guests, each a part."""


class SourceLog:
    """Remembers what was told of one source. Not thread-safe: the sampler holds its lock."""

    def __init__(self) -> None:
        self._up: bool | None = None
        self._failing: set[tuple[Reason, tuple[str, ...]]] = set()

    def news(self, state: SourceState) -> list[tuple[int, str]]:
        """Return levels and lines of what has changed since the call before: new failures, and that others are over."""
        if state.up is None:
            return []
        failing = {(failure.reason, failure.labels): failure for failure in state.failures}
        if state.up == self._up and failing.keys() == self._failing:
            return []
        known = self._failing if state.up == self._up else set()
        lines = _new(state, [failure for key, failure in failing.items() if key not in known])
        if state.up and not failing:
            lines.append((logging.INFO, f"source {state.source}: up"))
        elif mended := len({labels for _, labels in known} - {labels for _, labels in failing}):
            lines.append((logging.INFO, f"source {state.source}: no longer failing: {mended} of its parts"))
        self._up, self._failing = state.up, set(failing)
        return lines


def _new(state: SourceState, failures: list[Failure]) -> list[tuple[int, str]]:
    begins = f"source {state.source}: {'part of it is missing' if state.up else 'down'}"
    lines = [f"{begins}: {failure.reason}: {failure.detail}" for failure in failures[:_MOST_LINES]]
    if more := len(failures[_MOST_LINES:]):
        lines.append(f"{begins}: {more} more such failures: wattshift-exporter read shows them all")
    return [(logging.WARNING, line) for line in lines]
