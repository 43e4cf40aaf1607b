"""The benchmark's figures of the actuator are summed up right."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.bench.actuator import growth, reaction, readiness, storm

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_alert_after_a_start_is_told_apart() -> None:
    """It is slower than all that follow, and would be the p99 of them."""
    p50, p99, first = reaction.lines([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3]], [[0.05], [0.05]], "script")

    assert (p50.ours, p99.ours, first.ours) == (200.0, 300.0, 900.0)
    assert (p50.what, p50.met) == ("alert received → first magic packet, p50 of 5", None)
    assert p99.met is False


def test_a_migration_asked_for_too_early_is_not_a_quick_one() -> None:
    """It is counted, and its wait below zero spoils no percentile."""
    p50, p99, longest, early = readiness.lines([[0.4, 0.6]], [[-2.0, 3.0, -1.0, 9.0]], "script")

    assert (p50.ours, p50.peer, p99.ours, p99.peer) == (0.4, 3.0, 0.6, 9.0)
    assert (longest.ours, longest.peer) == (0.6, 9.0)
    assert (early.ours, early.peer, early.met) == (0, 2, True)


def test_asking_too_early_fails_the_bench() -> None:
    """Of ours not one may be asked for before the target is ready."""
    assert readiness.lines([[0.4, -0.1]], [[3.0]], "script")[-1].met is False


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_an_exponent_is_found(power: float) -> None:
    """Whatever the factor before it."""
    sizes = [10, 100, 1000]

    assert growth.exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(power)


def test_a_decision_is_made_in_a_cluster_of_any_size() -> None:
    """What is timed ends in a move: of the guest that works most on the first node, to the node with most memory."""
    decision = growth.decide(growth.texts(3), growth.rules(3))

    assert decision.act, decision.message
    assert (decision.source, decision.target) == ("node0", "node1")


def test_growth_is_told_beside_the_size_before() -> None:
    """The smallest has nothing beside it; the exponent is the slope of the times."""
    costs = [growth.Cost(10, [0.001, 0.003], 2048), growth.Cost(100, [0.01, 0.03], 4096)]
    small, _, large, memory, exponent = growth.lines(costs)

    assert (small.peer, large.against, large.peer) == (None, "10 nodes", 2.0)
    assert large.ratio is not None
    assert large.ratio.median == pytest.approx(10.0)
    assert memory.ratio is not None
    assert memory.ratio.median == 2.0
    assert exponent.ours == pytest.approx(1.0)


def test_what_is_kept_is_counted(tmp_path: Path) -> None:
    """An alert that was persisted twice is one alert; two jobs of one guest are two jobs."""
    database = tmp_path / "actuator.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE episodes (fingerprint TEXT)")
        connection.execute("CREATE TABLE jobs (vmid INTEGER)")
        connection.executemany("INSERT INTO episodes VALUES (?)", [("a",), ("b",), ("b",)])
        connection.executemany("INSERT INTO jobs VALUES (?)", [(100,), (101,), (101,)])

    assert storm.kept(database) == storm.Kept(alerts=2, jobs=3, guests=2)
