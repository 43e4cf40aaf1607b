"""Migrations: how they go, how they fail, what is seen meanwhile."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.cluster import Stage
from deploy.lab.plan import GIB, MigrationTimes, Plan
from deploy.lab.plans import two_nodes
from deploy.lab.task import UPID
from deploy.lab.world import Lab
from tests.lab.client import call, data, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.migration import Mishap


def both_on(plan: Plan) -> Plan:
    """Return the plan with every node on."""
    return dataclasses.replace(plan, nodes=tuple(dataclasses.replace(node, on=True) for node in plan.nodes))


def under_ha(plan: Plan) -> Plan:
    """Return the plan with every guest managed by HA."""
    return dataclasses.replace(plan, guests=tuple(dataclasses.replace(guest, ha=True) for guest in plan.guests))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two nodes on, time standing still."""
    with Lab(both_on(two_nodes()), tmp_path, clock=ManualClock()) as lab:
        yield lab


def log(lab: Lab, upid: str) -> list[str]:
    """Return a task's log as the API gives it."""
    node = upid.split(":")[1]
    return [line["t"] for line in data(lab, node, f"/nodes/{node}/tasks/{quote(upid)}/log", {"limit": 0})]


def status(lab: Lab, upid: str) -> tuple[str, str | None]:
    """Return a task's status and exit status as the API gives them."""
    node = upid.split(":")[1]
    told = data(lab, node, f"/nodes/{node}/tasks/{quote(upid)}/status")
    return told["status"], told.get("exitstatus")


def test_a_held_migration_waits_half_way(lab: Lab) -> None:
    """It can be looked at for as long as one likes, and goes on from there."""
    lab.hold_migrations(held=True)
    upid = migrate(lab, "pve2", "pve")
    lab.advance(60)

    assert status(lab, upid) == ("running", None)
    assert (lab.guest(100).node, lab.guest(100).lock) == ("pve2", "migrate")
    lab.hold_migrations(held=False)
    lab.advance(5)

    assert status(lab, upid) == ("stopped", "OK")
    assert lab.guest(100).node == "pve"


def test_a_live_migration_moves_the_guest_and_ends_ok(lab: Lab) -> None:
    """4 GiB at 1 GiB/s take four seconds; the guest is locked meanwhile, then runs on the target, unlocked."""
    upid = migrate(lab, "pve2", "pve")
    lab.advance(2)
    during = lab.guest(100)
    running = status(lab, upid)
    lab.advance(3)
    after = lab.guest(100)

    assert UPID.fullmatch(upid)
    assert (during.node, during.lock, running) == ("pve2", "migrate", ("running", None))
    assert (after.node, after.lock, after.running, status(lab, upid)) == ("pve", None, True, ("stopped", "OK"))


def test_the_log_reports_progress_each_second_downtime_and_duration(lab: Lab) -> None:
    """The log of a live migration has the lines, the order and the pace of the real one."""
    upid = migrate(lab, "pve2", "pve")
    lab.advance(10)
    lines = log(lab, upid)
    stamps = [line[:19] for line in lines if "migration active" in line]

    assert [re.sub(r"^\S+ \S+ ", "", line) for line in lines[-8:]] == [
        "migration active, transferred 1024.0 MiB of 4.0 GiB VM-state, 1024.0 MiB/s",
        "migration active, transferred 2048.0 MiB of 4.0 GiB VM-state, 1024.0 MiB/s",
        "migration active, transferred 3072.0 MiB of 4.0 GiB VM-state, 1024.0 MiB/s",
        "average migration speed: 1024.0 MiB/s - downtime 42 ms",
        "migration completed, transferred 4.0 GiB VM-state",
        "migration status: completed",
        "migration finished successfully (duration 00:00:04)",
        "TASK OK",
    ]
    assert len(set(stamps)) == 3


def test_the_guest_is_on_the_target_before_it_is_unlocked(tmp_path: Path) -> None:
    """There is a moment when the configuration has moved and still carries the lock."""
    times = MigrationTimes(bytes_per_second=4 * GIB, finish=1.0)
    with Lab(both_on(two_nodes(migration=times)), tmp_path, clock=ManualClock()) as lab:
        migrate(lab, "pve2", "pve")
        lab.advance(1.5)
        guest = lab.guest(100)

    assert (guest.node, guest.lock) == ("pve", "migrate")


@pytest.mark.parametrize(
    ("mishap", "exitstatus", "node", "lock"),
    [
        ("abort", "migration aborted", "pve2", None),
        ("problems, stays", "migration problems", "pve2", None),
        ("problems, moves", "migration problems", "pve", None),
        ("killed", "unexpected status", "pve2", "migrate"),
    ],
)
def test_a_migration_goes_wrong_as_ordered(
    lab: Lab, mishap: Mishap, exitstatus: str, node: str, lock: str | None
) -> None:
    """Each mishap ends with its own exit status, and the guest is where that mishap leaves it."""
    lab.spoil_next_migration(mishap)
    upid = migrate(lab, "pve2", "pve")
    lab.advance(10)
    guest = lab.guest(100)

    assert status(lab, upid) == ("stopped", exitstatus)
    assert (guest.node, guest.lock) == (node, lock)


def test_a_mishap_strikes_once(lab: Lab) -> None:
    """The migration after a spoiled one goes well."""
    lab.spoil_next_migration("abort")
    migrate(lab, "pve2", "pve")
    lab.advance(1)
    upid = migrate(lab, "pve2", "pve")
    lab.advance(10)

    assert status(lab, upid) == ("stopped", "OK")


def test_a_target_that_still_boots_aborts_the_migration(lab: Lab) -> None:
    """The POST is accepted, as by real Proxmox, and the task fails at the first ssh to the target."""
    lab.power_off("pve")
    lab.power_on("pve")
    lab.advance(3.6)
    upid = migrate(lab, "pve2", "pve")
    lab.advance(0.5)

    assert status(lab, upid) == ("stopped", "migration aborted")
    assert log(lab, upid)[-2].endswith(
        "ERROR: migration aborted (duration 00:00:00): Can't connect to destination address using public key"
    )
    assert (lab.guest(100).node, lab.guest(100).lock) == ("pve2", None)


def test_a_target_without_its_storages_fails_to_start_the_guest(lab: Lab) -> None:
    """Once the API answers but the storages do not, the guest cannot start there, and stays."""
    lab.power_off("pve")
    lab.power_on("pve")
    lab.advance(4.5)
    times = (lab.node("pve").stage, lab.plan.boot.storages > lab.plan.migration.prepare)
    upid = migrate(lab, "pve2", "pve")
    lab.advance(0.4)

    assert times == (Stage.API, True)
    assert status(lab, upid) == ("stopped", "migration problems")
    assert (lab.guest(100).node, lab.guest(100).lock) == ("pve2", None)


def test_a_target_that_dies_midway_leaves_the_guest_on_the_source(lab: Lab) -> None:
    """The guest goes on running where it was, unlocked, and the task says that there were problems."""
    upid = migrate(lab, "pve2", "pve")
    lab.advance(2)
    lab.power_off("pve")
    lab.advance(2)
    guest = lab.guest(100)

    assert status(lab, upid) == ("stopped", "migration problems")
    assert (guest.node, guest.running, guest.lock) == ("pve2", True, None)


def test_a_source_that_dies_midway_takes_the_task_with_it(lab: Lab) -> None:
    """A worker whose node lost power ends without a last line, and its guest is down."""
    migrate(lab, "pve2", "pve")
    lab.advance(2)
    lab.power_off("pve2")
    (task,) = lab.tasks

    assert task.exitstatus == "unexpected status"
    assert not task.lines[-1].startswith("TASK")
    assert not lab.guest(100).running


def test_deleting_the_task_stops_the_migration(lab: Lab) -> None:
    """A stopped migration cleans up, ends with problems, and its guest stays."""
    lab.spoil_next_migration("stalls")
    upid = migrate(lab, "pve2", "pve")
    lab.advance(60)
    before = status(lab, upid)
    answer = call(lab, "pve2", "DELETE", f"/nodes/pve2/tasks/{quote(upid)}")

    assert before == ("running", None)
    assert (answer.status_code, answer.json()) == (200, {"data": None})
    assert status(lab, upid) == ("stopped", "migration problems")
    assert (lab.guest(100).node, lab.guest(100).lock) == ("pve2", None)


def test_a_duplicate_waits_for_the_first_and_finds_the_guest_gone(lab: Lab) -> None:
    """Two orders at once move the guest once; the second task fails."""
    first = migrate(lab, "pve2", "pve")
    second = migrate(lab, "pve2", "pve")
    lab.advance(10)

    assert status(lab, first) == ("stopped", "OK")
    assert status(lab, second) == (
        "stopped",
        "Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist",
    )
    assert log(lab, second)[0] == "trying to acquire lock..."


def test_a_duplicate_of_a_long_migration_gives_up_after_ten_seconds(lab: Lab) -> None:
    """The file lock is waited for no longer than Proxmox does."""
    lab.spoil_next_migration("stalls")
    migrate(lab, "pve2", "pve")
    second = migrate(lab, "pve2", "pve")
    lab.advance(11)

    assert status(lab, second)[1] == "can't lock file '/var/lock/pve-manager/pve-migrate-100' - got timeout"


def test_a_running_migration_locks_the_guest_against_orders(lab: Lab) -> None:
    """Once the configuration carries the lock, another order is refused at once."""
    migrate(lab, "pve2", "pve")
    lab.advance(1)
    answer = call(lab, "pve2", "POST", "/nodes/pve2/qemu/100/migrate", {"target": "pve", "online": 1})

    assert (answer.status_code, answer.reason) == (500, "VM is locked (migrate)")


def test_ha_queues_first_and_migrates_a_round_later(tmp_path: Path) -> None:
    """The order's own task only queues; the HA stack's task, owned by root, does the work."""
    with Lab(under_ha(both_on(two_nodes())), tmp_path, clock=ManualClock()) as lab:
        upid = migrate(lab, "pve2", "pve")
        lab.advance(1)
        queued = (status(lab, upid), lab.guest(100).node)
        lab.advance(5)
        state = data(lab, "pve2", "/nodes/pve2/qemu/100/status/current")["ha"]
        lab.advance(10)
        real = lab.tasks[-1]
        node = lab.guest(100).node

    assert queued == (("stopped", "OK"), "pve2")
    assert state == {"managed": 1, "state": "migrate"}
    assert (real.type, real.authid, real.exitstatus) == ("qmigrate", "root@pam", "OK")
    assert real.lines[0] == "task started by HA resource agent"
    assert node == "pve"


def test_ha_drops_a_request_for_a_node_that_is_off(tmp_path: Path) -> None:
    """The order's task ends OK all the same, and nothing else ever happens."""
    with Lab(under_ha(both_on(two_nodes())), tmp_path, clock=ManualClock()) as lab:
        upid = migrate(lab, "pve2", "pve")
        lab.power_off("pve")
        lab.advance(60)
        kinds = [task.type for task in lab.tasks]
        ended = status(lab, upid)

    assert (kinds, ended) == (["hamigrate"], ("stopped", "OK"))
