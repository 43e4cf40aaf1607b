"""Jobs and alerts as the API shows them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actuator.api.views import EpisodeView
from actuator.policy.episodes import Episode
from actuator.policy.reasons import Reason


def shown(starts_at: float) -> EpisodeView:
    """An episode that began then, as it is shown."""
    return EpisodeView.of(
        Episode(
            id="e1",
            fingerprint="f36d1bcf78df65b3",
            starts_at=starts_at,
            alertname="NodePowerHigh",
            first_seen_at=0,
            last_seen_at=0,
            resolved_at=None,
            reason=Reason.ACCEPTED,
            message="Accepted.",
        )
    )


@given(starts_at=st.floats(allow_nan=False))
def test_every_stored_time_can_be_shown(starts_at: float) -> None:
    """Whatever number the database holds, a job can be looked at: a time beyond the calendar shows as its end."""
    assert 1 <= shown(starts_at).starts_at.year <= 9999


def test_times_are_shown_as_they_are() -> None:
    """A time within the calendar is shown to the fraction of a second."""
    assert shown(1795364422.5).starts_at.isoformat() == "2026-11-22T16:20:22.500000+00:00"
