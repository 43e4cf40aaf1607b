"""Probes and metrics."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import recorded

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox
    from tests.actuator.api.world import World


def test_ready(world: World) -> None:
    """Ready tells what the process is up to."""
    assert world.client.get("/-/ready").json() == {"leading": True, "paused": None, "mode": "act"}


def test_not_ready_without_the_database(world: World) -> None:
    """Without its database the process is healthy but not ready."""
    world.break_database()

    assert world.client.get("/-/healthy").status_code == 200
    assert world.client.get("/-/ready").status_code == 503


def test_not_ready_while_nothing_can_be_written(world: World) -> None:
    """A disk that takes no more writes shows, though what is there can be read, until one succeeds again."""
    with closing(sqlite3.connect(world.database, isolation_level=None)) as other:
        for name, doing in (("control", "UPDATE"), ("episodes", "INSERT")):
            other.execute(
                f"CREATE TRIGGER no_{name} BEFORE {doing} ON {name} BEGIN SELECT RAISE(ABORT, 'no space'); END"
            )
        assert world.post_alerts(recorded("firing-single")).status_code == 503

        assert world.client.get("/-/ready").status_code == 503
        lines = world.client.get("/metrics").text.splitlines()
        assert {"wattshift_store_up 0.0", "wattshift_paused 0.0"} <= set(lines)

        other.execute("DROP TRIGGER no_control")
        assert "wattshift_store_up 1.0" in world.client.get("/metrics").text.splitlines()
        assert world.client.get("/-/ready").status_code == 200


def test_not_ready_when_the_database_is_gone(world: World) -> None:
    """A removed file is no database, however well it can still be read."""
    world.database.unlink()

    assert world.client.get("/-/ready").status_code == 503
    assert "wattshift_store_up 0.0" in world.client.get("/metrics").text.splitlines()


def test_not_healthy_without_its_worker(world: World) -> None:
    """A process that takes alerts in but does no jobs any more says that it wants a restart."""
    world.bell.alive = False
    answer = world.client.get("/-/healthy")

    assert answer.status_code == 503
    assert "restart" in answer.json()["message"]


def test_every_state_and_reason_has_its_series(world: World) -> None:
    """States, causes and reasons are series from the beginning, at 0, so that the first one is seen to come."""
    lines = world.client.get("/metrics").text.splitlines()

    for state in JobState:
        assert f'wattshift_jobs{{state="{state}"}} 0.0' in lines
    for failure in Failure:
        assert f'wattshift_failed_jobs{{failure="{failure}"}} 0.0' in lines
    for reason in Reason:
        assert f'wattshift_decisions_total{{reason="{reason}"}} 0.0' in lines
    assert "wattshift_paused 0.0" in lines
    assert "wattshift_store_up 1.0" in lines


def test_a_failed_job_is_a_metric(world: World) -> None:
    """A failed job shows by state and by cause."""
    world.lead(begin(world)["id"], JobState.FAILED, failure=Failure.NEVER_WOKE)
    world.client.post("/api/v1/pause", json={"reason": "look at pve"})
    lines = world.client.get("/metrics").text.splitlines()

    assert 'wattshift_jobs{state="failed"} 1.0' in lines
    assert 'wattshift_failed_jobs{failure="never_woke"} 1.0' in lines
    assert "wattshift_paused 1.0" in lines


def test_a_scrape_without_the_database(world: World) -> None:
    """When the store cannot be read, its figures are absent instead of 0, and the rest still shows."""
    world.break_database()
    answer = world.client.get("/metrics")

    assert answer.status_code == 200
    assert "wattshift_store_up 0.0" in answer.text.splitlines()
    assert "wattshift_jobs" not in answer.text
    assert "wattshift_build_info" in answer.text


def test_observations(world: World) -> None:
    """What the workflow observes shows under the contract's names; what a log did not tell is not observed."""
    world.metrics.step_finished("waking", 42)
    world.metrics.woken("pve", "magic_packet", 40)
    world.metrics.migrated(0.05, 12)
    world.metrics.migrated(None, 20)
    world.metrics.leading(leads=True)
    lines = world.client.get("/metrics").text.splitlines()

    assert 'wattshift_step_duration_seconds_sum{step="waking"} 42.0' in lines
    assert 'wattshift_wake_duration_seconds_sum{method="magic_packet",node="pve"} 40.0' in lines
    assert "wattshift_migration_downtime_seconds_count 1.0" in lines
    assert "wattshift_migration_duration_seconds_sum 32.0" in lines
    assert "wattshift_leader 1.0" in lines


def test_promtool_finds_nothing_to_say(world: World, toolbox: Toolbox) -> None:
    """The real promtool has no complaint about names, types and help texts."""
    world.metrics.step_finished("waking", 42)
    world.metrics.woken("pve", "magic_packet", 40)
    text = world.client.get("/metrics").text
    checked = subprocess.run(
        [toolbox.find("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert checked.stdout + checked.stderr == ""
    assert checked.returncode == 0


def test_scrapers_that_ask_get_openmetrics(world: World) -> None:
    """Prometheus gets the format that it asks for."""
    answer = world.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
