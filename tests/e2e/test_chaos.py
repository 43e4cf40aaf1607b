"""Killing, freezing and restarting whatever there is, over fifty moves: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import RunningClock
from deploy.lab.faults import Answer, Drop, Hang
from deploy.lab.world import Lab
from tests.e2e.actuators import Actuators, await_until, busy_cluster, check_invariants, moves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.lab.faults import Fault
    from deploy.lab.postgresql import Postgresql

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GUESTS = 50
KILLS = 5
FAULTS = 15
PARALLEL = 4
TAKEOVER_SECONDS = 5.0
_MIGRATE = "/nodes/*/qemu/*/migrate"

TROUBLE: list[Callable[[], Fault]] = [
    lambda: Answer("POST", _MIGRATE, status=595, reason="Connection refused"),
    lambda: Answer("POST", _MIGRATE, status=596, reason="Connection timed out"),
    lambda: Answer("POST", _MIGRATE, status=596, reason="Connection timed out", executed=True),
    lambda: Answer("POST", _MIGRATE, status=500, reason="can't lock file - got timeout", executed=True),
    lambda: Answer("POST", _MIGRATE, status=500, reason="something broke"),
    lambda: Drop("POST", _MIGRATE, executed=True),
    lambda: Drop("POST", _MIGRATE),
    lambda: Answer("GET", "/cluster/*", status=596, reason="Connection timed out"),
    lambda: Answer("GET", "/nodes/*/tasks*", status=595, reason="No route to host"),
    lambda: Answer("GET", "/nodes/*/tasks/*", status=500, reason="something broke", times=2),
    lambda: Drop("GET", "*", times=2),
]
"""What Proxmox does wrong in the course of it."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Eight nodes with fifty guests, at twenty times the speed of life."""
    with Lab(busy_cluster(GUESTS), tmp_path / "lab", clock=RunningClock(speed=20)) as started:
        yield started


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_kill_9_at_random_over_fifty_jobs(lab: Lab, tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """An actuator killed again and again, a Proxmox that fails in every way, a database that restarts."""
    chance = random.Random(4711)  # noqa: S311 - the same moments in each run
    server: Postgresql | None = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    database = f"sqlite:///{tmp_path / 'actuator.db'}" if server is None else server.new_url()
    # All of them, each once, and some a second time.
    drawn = [make() for make in [*chance.sample(TROUBLE, len(TROUBLE)), *chance.choices(TROUBLE, k=FAULTS)]][:FAULTS]
    targets = moves(lab)
    waiting = list(targets.items())
    with closing(Actuators(lab, tmp_path, database)) as actuators:
        actuators.start("a")
        for number in range(KILLS):
            for fault in drawn[number::KILLS]:
                lab.faults.add(fault)
            for _ in range(GUESTS // KILLS):
                vmid, target = waiting.pop()
                await_until(lambda vmid=vmid, target=target: actuators.order("a", vmid, target), told=f"for {vmid}")  # type: ignore[misc]  # a lambda's default
            _await_tasks(lab, chance.randint(1, 5))
            if number == 1:
                hang = lab.faults.add(Hang("POST", _MIGRATE, executed=True))
                hang.arrived.wait(20)
            if server is not None and number == 3:
                lab.wait_until(lambda: any(task.exitstatus is None for task in lab.tasks), timeout=60)
                _crash(server)  # under a leader that is at work
            time.sleep(chance.uniform(0, 0.4))  # the random moment is the point
            actuators.processes.kill("a")
            if number == 1:
                hang.release()
            if server is not None and number == 2:
                _crash(server)
            actuators.start("a")
        if server is not None:
            _await_tasks(lab, 1)
            server.stop()
            server.start()

        jobs = await_until(lambda: actuators.all_over("a", targets))

    assert sum(job["state"] == "succeeded" for job in jobs) >= GUESTS - 6, [
        job["message"] for job in jobs if job["state"] != "succeeded"
    ]
    check_invariants(lab, jobs, targets, PARALLEL)
    assert [fault for fault in drawn if fault.method == "POST" and fault.times] == [], "each has struck"


def test_the_leader_of_two_is_killed_and_frozen(lab: Lab, tmp_path: Path, postgresql: Postgresql) -> None:
    """The other takes over within five seconds, and a frozen leader that wakes up asks for nothing."""
    targets = dict(list(moves(lab).items())[:30])
    with closing(Actuators(lab, tmp_path, postgresql.new_url())) as actuators:
        actuators.start("a", "b")
        leader = await_until(lambda: next((name for name in "ab" if actuators.leads(name)), None))
        standby = "b" if leader == "a" else "a"
        for vmid, target in targets.items():
            assert actuators.order(standby, vmid, target), "a replica that stands by takes orders"
        _await_tasks(lab, 3)

        actuators.processes.kill(leader)
        _await_lead(actuators, standby)
        _await_tasks(lab, 3)
        actuators.start(leader)

        frozen, heir = standby, leader
        pid = actuators.processes.pid(frozen)
        os.kill(pid, signal.SIGSTOP)
        try:
            _await_lead(actuators, heir)
            _await_tasks(lab, 3)
        finally:
            os.kill(pid, signal.SIGCONT)
        await_until(lambda: "runner.leadership_lost" in actuators.processes.last_words(frozen, 10_000))
        jobs = await_until(lambda: actuators.all_over(frozen, targets))

        assert (actuators.leads(frozen), actuators.leads(heir)) == (False, True)
        assert jobs == actuators.jobs(heir), "who stands by tells the same"
    assert {job["state"] for job in jobs} == {"succeeded"}, [job["message"] for job in jobs]
    asked = [request.path for request in lab.requests if request.method == "POST"]
    assert len(asked) == len(set(asked)) == len(targets), "each migration was asked for once"
    check_invariants(lab, jobs, targets, PARALLEL)


def _crash(server: Postgresql) -> None:
    """Every backend ends at once and nothing is written any more; the log is replayed at the start."""
    server.stop(signal.SIGQUIT)
    server.start()


def _await_lead(actuators: Actuators, name: str) -> None:
    began = time.monotonic()
    await_until(lambda: actuators.leads(name), told=f"for {name} to lead")
    assert time.monotonic() - began <= TAKEOVER_SECONDS


def _await_tasks(lab: Lab, more: int) -> None:
    """Wait until so many more migrations have begun, or all have."""
    wanted = min(len(lab.tasks) + more, GUESTS - 8)
    lab.wait_until(lambda: len(lab.tasks) >= wanted, timeout=60)
