"""Figures as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from actuator.web import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.042, "42 ms"),
        (1.0, "1 s"),
        (59.4, "59 s"),
        (60.0, "1 min"),
        (94.0, "1 min 34 s"),
        (3600.0, "1 h"),
        (3720.4, "1 h 2 min"),
    ],
)
def test_spans(seconds: float, shown: str) -> None:
    """How long something took, no finer than it matters."""
    assert text.span(seconds) == shown


def test_powers_and_sizes() -> None:
    """An unknown power is a word; a change has its sign; memory has the unit that suits it."""
    assert [text.watts(figure) for figure in (None, 0.0, 84.46)] == ["unknown", "0.0 W", "84.5 W"]
    assert [text.change(figure) for figure in (21.4, -6.4)] == ["+21.4 W", "\N{MINUS SIGN}6.4 W"]
    assert [text.size(count) for count in (640 * 1024**2, 4 * 1024**3)] == ["640 MiB", "4.0 GiB"]


def test_times_are_in_utc() -> None:
    """Wherever a time comes from, it is the same moment on the page."""
    at = datetime(2026, 11, 26, 2, 40, tzinfo=timezone(timedelta(hours=9)))

    assert text.clock_time(at) == "2026-11-25 17:40:00 UTC"
    assert datetime.fromisoformat(text.machine_time(at)) == at.astimezone(UTC)
