"""The figures of moves, as ``/metrics`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest

from actuator.adapters.store import Store
from actuator.metrics import Metrics
from actuator.policy.jobs import MoveWatts

if TYPE_CHECKING:
    from pathlib import Path


def shown(metrics: Metrics) -> list[str]:
    """The lines of a scrape."""
    return generate_latest(metrics.registry).decode().splitlines()


def test_the_newest_move_is_shown_by_role_and_what_is_unknown_is_absent(tmp_path: Path) -> None:
    """Four gauges at most, whatever the nodes' names: those of the newest measured move alone; changes are counted."""
    store = Store.open(f"sqlite:///{tmp_path / 'actuator.db'}")
    store.upgrade()
    metrics = Metrics(store)
    nothing = shown(metrics)
    metrics.measured(MoveWatts(84.5, 20.0, 31.0, 61.5))
    metrics.measured(MoveWatts(90.0, None, 40.0, 50.0))
    metrics.transferred(4 * 1024**3)
    lines = shown(metrics)
    store.close()

    assert not [line for line in nothing if line.startswith("wattshift_migration_watts{")]
    assert {line for line in lines if line.startswith("wattshift_migration_watts{")} == {
        'wattshift_migration_watts{role="source",when="before"} 90.0',
        'wattshift_migration_watts{role="source",when="after"} 40.0',
        'wattshift_migration_watts{role="target",when="after"} 50.0',
    }
    assert 'wattshift_migration_change_watts_bucket{le="-50.0",role="source"} 2.0' in lines
    assert 'wattshift_migration_change_watts_count{role="target"} 1.0' in lines
    assert "wattshift_migration_transferred_bytes_sum 4.294967296e+09" in lines


def test_a_wake_is_told_by_its_stages_and_a_move_by_when_it_ended(tmp_path: Path) -> None:
    """Each stage has a histogram of its own; of each way from node to node the newest arrival is shown."""
    store = Store.open(f"sqlite:///{tmp_path / 'actuator.db'}")
    store.upgrade()
    metrics = Metrics(store)
    metrics.stage_reached("member", 42.0)
    metrics.stage_reached("quorate", 44.5)
    metrics.arrived("pve2", "pve", 1_700_000_000.0)
    metrics.arrived("pve2", "pve", 1_700_000_600.0)
    lines = shown(metrics)
    store.close()

    assert 'wattshift_wake_stage_seconds_sum{stage="member"} 42.0' in lines
    assert 'wattshift_wake_stage_seconds_count{stage="quorate"} 1.0' in lines
    assert [line for line in lines if line.startswith("wattshift_migration_finished_timestamp_seconds{")] == [
        'wattshift_migration_finished_timestamp_seconds{source="pve2",target="pve"} 1.7000006e+09'
    ]
