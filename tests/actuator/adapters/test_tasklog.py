"""The migration log as facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actuator.adapters.tasklog import LogReading, read_log
from actuator.policy.jobs import Outcome, Progress
from tests.actuator.adapters.recordings import log_lines

MIB, GIB = 1024**2, 1024**3


def test_reads_a_recorded_migration() -> None:
    """A real log gives the newest progress and what the migration cost; what it does not tell stays absent."""
    reading = read_log(log_lines("task-log"))

    assert reading.progress == Progress(333 * MIB, 4 * GIB, round(110.5 * MIB))
    assert reading.outcome == Outcome(downtime_seconds=0.042, duration_seconds=3.0, transferred_bytes=None)
    assert reading.error is None


def test_reads_a_recorded_failure_as_too_early() -> None:
    """The log of a migration to a node still booting gives Proxmox's own cause and is known as too early."""
    reading = read_log(log_lines("task-failed-log"))

    assert reading.error == "Can't connect to destination address using public key"
    assert reading.too_early
    assert reading.outcome.duration_seconds == 0.0


def test_reads_a_recorded_ha_request() -> None:
    """The log of an HA request has no figures at all, and none are invented."""
    assert read_log(log_lines("ha-task-log")) == LogReading()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "2025-01-04 00:34:27 migration active, transferred 357.9 MiB of 4.0 GiB VM-state, 586.6 MiB/s",
            Progress(round(357.9 * MIB), 4 * GIB, round(586.6 * MIB)),
        ),
        (
            "2025-01-04 00:34:27 migration active, transferred 0.0 B of 4.0 GiB VM-state",
            Progress(0, 4 * GIB, None),
        ),
        (
            "migration active, transferred 1.5 TiB of 2.0 TiB VM-state, 12 GiB/s, VM dirties lots of memory: 1.2 GiB/s",
            Progress(round(1.5 * 1024**4), 2 * 1024**4, 12 * GIB),
        ),
    ],
    ids=["usual", "before the first speed", "without stamp, dirtying"],
)
def test_progress(line: str, expected: Progress) -> None:
    """Every form of the progress line is read, with and without stamp, speed and remarks."""
    assert read_log([line]).progress == expected


def test_the_cost_is_read_between_foreign_lines() -> None:
    """Lines of plug-ins and the long form of the speed line do not hide the figures."""
    reading = read_log(
        [
            "NOTICE",
            "  Trying to create diskful resource (vm-100-disk-1) on (pve2).",
            "2025-01-04 00:34:40 average migration speed: 457.0 MiB/s - downtime 73 ms",
            "2025-01-04 00:34:40 migration completed, transferred 11.7 GiB VM-state",
            "2025-01-04 00:34:42 migration finished successfully (duration 101:00:18)",
            "TASK WARNINGS: 1",
        ]
    )

    assert reading.outcome == Outcome(0.073, 101 * 3600 + 18.0, round(11.7 * GIB))
    assert reading.error is None


def test_the_old_speed_line_is_read() -> None:
    """Proxmox VE 6 wrote decimal units and another stamp; its downtime is the same figure."""
    assert read_log(["May 02 10:57:05 migration speed: 256.00 MB/s - downtime 15 ms"]).outcome.downtime_seconds == 0.015


def test_problems_are_told_in_proxmox_words() -> None:
    """Of several errors the cause of the abort counts, else the first error, else the task's last word."""
    problems = [
        "2025-01-04 00:34:42 ERROR: no such volume",
        "2025-01-04 00:34:43 ERROR: migration finished with problems",
    ]
    aborted = [
        *problems,
        "2025-01-04 00:34:44 ERROR: migration aborted (duration 00:00:07): storage 'x' is not available",
    ]

    assert read_log(problems).error == "no such volume"
    assert read_log(aborted).error == "storage 'x' is not available"
    assert read_log(["TASK ERROR: can't lock file '/var/lock/x' - got timeout"]).error is not None
    assert not read_log(aborted).too_early


@given(st.lists(st.text(max_size=200)), st.integers(min_value=0, max_value=10))
def test_noise_changes_nothing(noise: list[str], where: int) -> None:
    """Whatever else is in a log, the figures of the migration's own lines are the same, and nothing breaks."""
    own = ["2025-01-04 00:34:40 average migration speed: 457.0 MiB/s - downtime 73 ms"]
    mixed = [*noise[:where], *own, *(line for line in noise[where:] if "downtime" not in line)]

    assert read_log(mixed).outcome.downtime_seconds == 0.073
