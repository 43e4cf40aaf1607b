"""What is logged of a source: each change once, and no flood of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from exporter.readings import Failure, Reason, SourceState
from exporter.source_log import SourceLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

LOG = logging.getLogger(__name__)


def state(parts: Iterable[int], *, up: bool | None = True, reason: Reason = Reason.PARSE) -> SourceState:
    """Return the guests' source with these parts failing."""
    failures = tuple(Failure(reason, f"guest {part}", (f"qemu/{part}",)) for part in parts)
    return SourceState("guests", up, (), failures, None, None, {}, 1)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged since the last call."""
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


def tell(log: SourceLog, state: SourceState) -> None:
    """Log what is new, as the sampler does."""
    for level, line in log.news(state):
        LOG.log(level, "%s", line)


def test_only_what_is_new_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """One more failing part is one line, whatever else fails; one that is mended is one; nothing new is none."""
    caplog.set_level(logging.INFO)
    log = SourceLog()
    tell(log, state([], up=None))
    assert lines(caplog) == []
    tell(log, state([]))
    assert lines(caplog) == ["source guests: up"]
    tell(log, state([1, 2]))
    assert lines(caplog) == [
        "source guests: part of it is missing: parse: guest 1",
        "source guests: part of it is missing: parse: guest 2",
    ]
    tell(log, state([1, 2]))
    assert lines(caplog) == []
    tell(log, state([1, 2, 3]))
    assert lines(caplog) == ["source guests: part of it is missing: parse: guest 3"]
    tell(log, state([3]))
    assert lines(caplog) == ["source guests: no longer failing: 2 of its parts"]
    tell(log, state([3], reason=Reason.TIMEOUT))
    assert lines(caplog) == ["source guests: part of it is missing: timeout: guest 3"]
    tell(log, state([3], up=False, reason=Reason.TIMEOUT))
    assert lines(caplog) == ["source guests: down: timeout: guest 3"]
    tell(log, state([]))
    assert lines(caplog) == ["source guests: up"]


def test_hundreds_of_bad_parts_are_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    """Ten lines and one that sums up, once: a journal that rotates must not lose what else it held."""
    caplog.set_level(logging.INFO)
    log = SourceLog()
    tell(log, state(range(300)))
    said = lines(caplog)
    assert said[:10] == [f"source guests: part of it is missing: parse: guest {part}" for part in range(10)]
    assert said[10:] == [
        "source guests: part of it is missing: 290 more such failures: wattshift-exporter read shows them all"
    ]
    for newest in range(300, 308):
        tell(log, state(range(newest + 1)))
    assert lines(caplog) == [f"source guests: part of it is missing: parse: guest {part}" for part in range(300, 308)]
    tell(log, state(range(10)))
    assert lines(caplog) == ["source guests: no longer failing: 298 of its parts"]
    tell(log, state(range(10, 20)))
    assert len(lines(caplog)) == 11


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 40))), max_size=20))
def test_a_change_is_at_most_a_dozen_lines(changes: list[tuple[bool, set[int]]]) -> None:
    """Whatever comes and goes; and what stays as it is says nothing."""
    log = SourceLog()
    for up, parts in changes:
        assert len(log.news(state(parts, up=up))) <= 12
        assert log.news(state(parts, up=up)) == []
