"""Nothing is lost between the policy's types and the database."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actuator.adapters import codec
from actuator.errors import StoreUnavailable
from actuator.policy.jobs import Checkpoint, Job, Progress
from actuator.policy.orders import Action, Order
from tests.actuator.adapters.stores import add, elsewhere, opened
from tests.actuator.policy import strategies as some
from tests.actuator.policy.samples import job

unhurried = settings(deadline=None)


@unhurried
@given(some.orders)
def test_orders_come_back_as_they_were(order: Order) -> None:
    """Order to JSON and back is the same order."""
    assert codec.order_from_json(codec.order_to_json(order)) == order


@unhurried
@given(some.checkpoints)
def test_checkpoints_come_back_as_they_were(checkpoint: Checkpoint) -> None:
    """Checkpoint, progress and outcome included, to JSON and back is the same, to the last bit of each time."""
    assert codec.checkpoint_from_json(codec.checkpoint_to_json(checkpoint)) == checkpoint


def test_the_strategy_leaves_no_field_out() -> None:
    """A field that a step adds one day is covered by the round trip, or this fails."""
    assert set(some.checkpoint_fields) == {field.name for field in fields(Checkpoint)}


@settings(deadline=None, max_examples=50)
@given(st.lists(some.jobs(), max_size=4, unique_by=lambda each: each.id))
def test_jobs_come_back_as_they_were(jobs: list[Job]) -> None:
    """A job read from the file equals the one written, newest first; text that no database holds is made harmless."""
    distinct = [replace(each, vmid=100 + number, message="m") for number, each in enumerate(jobs)]
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "a.db") as store:
        add(store, *distinct)

        assert store.jobs() == distinct[::-1]


def test_hostile_text_is_stored_harmlessly(database: str) -> None:
    """A lone surrogate or NUL in a label must not fail the intake at each of Alertmanager's repeats."""
    with opened(database) as store:
        add(store, job(message="a\ud800b\0c", order=Order(Action.MIGRATE, None, requested_by="\ud800"), vmid=None))

        [found] = store.jobs()
        assert found.message == "a?b\N{REPLACEMENT CHARACTER}c"
        assert found.order.requested_by == "\ud800"


def test_what_an_older_release_did_not_write_has_its_default() -> None:
    """A field added later does not break the jobs that are under way during the upgrade."""
    assert codec.checkpoint_from_json('{"packets_sent": 2}') == Checkpoint(packets_sent=2)
    assert codec.order_from_json('{"action": "wake", "node": "pve"}') == Order(Action.WAKE, "pve")


def test_numbers_that_are_not_finite_are_refused() -> None:
    """NaN is no JSON; a defect shows where it is made, not where it is read."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.checkpoint_to_json(Checkpoint(step_started_at=float("nan")))


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    """What no release ever wrote is reported with the job and what to do, not as a traceback."""
    path = tmp_path / "a.db"
    with opened(path) as store:
        add(store, job("j1"))
        with elsewhere(path) as other:
            other.execute("UPDATE jobs SET checkpoint_json = '{'")

        with pytest.raises(StoreUnavailable, match=r"job j1 in the database cannot be read .*restore a backup"):
            store.live_jobs()


def test_what_another_release_knows_is_passed_over() -> None:
    """While two actuators are upgraded one after the other, the older one reads what the newer one wrote."""
    assert codec.checkpoint_from_json(
        '{"packets_sent":3,"of_tomorrow":1,"progress":{"transferred_bytes":1,"total_bytes":2,"x":3}}'
    ) == Checkpoint(packets_sent=3, progress=Progress(1, 2))
    assert codec.order_from_json('{"action":"wake","node":"pve","of_tomorrow":1}') == Order(Action.WAKE, "pve")
