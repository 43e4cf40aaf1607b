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


@pytest.mark.parametrize(
    ("cause", "locked"),
    [
        ("CT is locked (backup)", True),
        ("VM is locked (snapshot-delete)", True),
        ("VM is locked", True),
        ("command 'qm unlock 100' failed: VM is locked in", False),
    ],
)
def test_a_lock_that_the_task_met_is_known(cause: str, *, locked: bool) -> None:
    """It ends by itself, other than what else a migration aborts for."""
    reading = read_log([f"2025-01-04 00:34:24 ERROR: migration aborted (duration 00:00:00): {cause}"])

    assert (reading.error, reading.locked, reading.too_early) == (cause, locked, False)


@pytest.mark.parametrize(
    ("cause", "perhaps"),
    [
        ("online migrate failure - remote command failed with exit code 255", True),
        ("command '/usr/bin/ssh -e none -o 'BatchMode=yes' root@10.0.0.2 pvecm mtunnel' failed: exit code 255", True),
        ("online migrate failure - remote command failed with exit code 2550", False),
        ("command 'ha-manager migrate vm:100 pve' failed: exit code 255", False),
        ("VM quit/powerdown failed", False),
    ],
)
def test_a_guest_that_could_not_be_started_there(cause: str, *, perhaps: bool) -> None:
    """It may have been too early, which its cause alone does not tell; it is never taken for certain."""
    reading = read_log([f"2025-01-04 00:34:42 ERROR: {cause}"])

    assert (reading.too_early, reading.perhaps_too_early) == (False, perhaps)


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
        (
            "00:34:27 migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 1.0 GiB/s (+ 2.0 MiB VFIO-state)",
            Progress(GIB, 4 * GIB, GIB),
        ),
        (
            "00:34:27 migration active, transferred 1.0 GiB of 4.0 GiB VM-state (+ 2.0 MiB VFIO-state), 1.0 GiB/s",
            Progress(GIB, 4 * GIB, GIB),
        ),
        (
            "May 02 10:57:01 migration status: active (transferred 228802988, remaining 3971547136), total 4312604672)",
            Progress(228802988, 4312604672, None),
        ),
        ("drive-scsi0: transferred 1.0 GiB of 32.0 GiB (3.12%) in 5s", Progress(GIB, 32 * GIB, None)),
        (
            "mirror-scsi1: transferred 32.0 GiB of 32.0 GiB (100.00%) in 2m 5s, ready",
            Progress(32 * GIB, 32 * GIB, None),
        ),
        (
            "drive-virtio0: transferred: 1073741824 bytes remaining: 3221225472 bytes total: 4294967296 bytes progr",
            Progress(GIB, 4 * GIB, None),
        ),
    ],
    ids=[
        "usual",
        "before the first speed",
        "without stamp, dirtying",
        "VFIO behind",
        "VFIO before the speed",
        "PVE 6",
        "a disk",
        "a disk, done",
        "a disk, PVE 6",
    ],
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


OLD = [
    "May 02 10:56:58 starting migration of VM 100 to node 'pve2' (10.0.0.2)",
    "May 02 10:57:01 migration xbzrle cachesize: 536870912 transferred 0 pages 0 cachemiss 0 overflow 0",
    "May 02 10:57:01 migration status: active (transferred 228802988, remaining 3971547136), total 4312604672)",
    "May 02 10:57:05 migration speed: 256.00 MB/s - downtime 15 ms",
    "May 02 10:57:05 migration status: completed",
    "May 02 10:57:08 migration finished successfully (duration 00:00:10)",
    "TASK OK",
]
NEW = [
    "task started by HA resource agent",
    "2026-05-02 10:56:58 starting migration of VM 100 to node 'pve2' (10.0.0.2)",
    "drive-scsi0: transferred 512.0 MiB of 1.0 GiB (50.00%) in 1s",
    "drive-scsi0: transferred 1.0 GiB of 1.0 GiB (100.00%) in 2s, ready",
    "10:57:01 migration active, transferred 357.9 MiB of 4.0 GiB VM-state, 586.6 MiB/s (+ 1.5 MiB VFIO-state)",
    "2026-05-02 10:57:02 xbzrle: send updates to 12 pages in 1.5 KiB encoded memory, cache-miss 1.23%, overflow 3",
    "blockdev: LINSTOR resource transferred 9.9 GiB of nothing",
    "2026-05-02 10:57:05 average migration speed: 457.0 MiB/s - downtime 73 ms",
    "2026-05-02 10:57:05 migration completed, transferred 11.7 GiB VM-state",
    "2026-05-02 10:57:08 migration finished successfully (duration 00:00:10)",
    "TASK WARNINGS: 1",
]
CONTAINER = [
    "2026-05-02 10:56:58 shutdown CT 101",
    "2026-05-02 10:57:00 starting migration of CT 101 to node 'pve2' (10.0.0.2)",
    "2026-05-02 10:57:00 volume 'shared:vm-101-disk-0' is on shared storage 'shared'",
    "full send of rpool/data/subvol-101-disk-0@__migration__ estimated size is 1.23G",
    "10:57:03    112M   rpool/data/subvol-101-disk-0@__migration__",
    "2026-05-02 10:57:05 start final cleanup",
    "2026-05-02 10:57:06 start container on target node",
    "2026-05-02 10:57:08 migration finished successfully (duration 00:00:10)",
    "TASK OK",
]


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (OLD, Outcome(0.015, 10.0, None)),
        (NEW, Outcome(0.073, 10.0, round(11.7 * GIB))),
        (CONTAINER, Outcome(10.0, 10.0, None)),
    ],
    ids=["PVE 6", "PVE 9", "a container"],
)
def test_the_cost_in_the_logs_of_every_release(lines: list[str], outcome: Outcome) -> None:
    """The same figures from every format; a container is down for as long as its move takes."""
    assert read_log(lines).outcome == outcome
    assert read_log(lines).error is None


def test_a_container_that_did_not_get_away_has_no_downtime_told() -> None:
    """How long it was down is not known from an abort: its shutdown may be what failed."""
    aborted = [CONTAINER[0], "2026-05-02 10:57:08 ERROR: migration aborted (duration 00:03:00): got timeout"]

    assert read_log(aborted).outcome == Outcome(None, 180.0, None)
    assert read_log(aborted).error == "got timeout"


def test_ha_that_refuses_is_heard() -> None:
    """The task only says that a command failed; the line before says why."""
    said = "service 'vm:100' in error state, must be disabled and fixed first"

    assert read_log([said, "TASK ERROR: command 'ha-manager migrate vm:100 pve' failed: exit code 255"]).error == said


@pytest.mark.parametrize("lines", [OLD, NEW, CONTAINER], ids=["PVE 6", "PVE 9", "a container"])
def test_half_a_log_never_gives_a_wrong_figure(lines: list[str]) -> None:
    """Cut off at any byte, a log gives the figures of its whole lines, or none: never a part of a number."""
    whole = read_log(lines).outcome
    progress = {read_log(lines[:count]).progress for count in range(len(lines) + 1)}
    text = "\n".join(lines)
    for end in range(len(text) + 1):
        reading = read_log(text[:end].split("\n"))
        told = reading.progress
        if told is not None and told.bytes_per_second is None:  # cut off before its speed
            assert (told.transferred_bytes, told.total_bytes) in {
                (each.transferred_bytes, each.total_bytes) for each in progress if each is not None
            }
        else:
            assert told in progress
        assert reading.outcome.downtime_seconds in {None, whole.downtime_seconds}
        assert reading.outcome.duration_seconds in {None, whole.duration_seconds}
        assert reading.outcome.transferred_bytes in {None, whole.transferred_bytes}


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
