"""Labs side by side, and what they leave behind."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from deploy.lab.agenda import Agenda, Interrupted
from deploy.lab.clock import ManualClock, RunningClock
from deploy.lab.cluster import Stage
from deploy.lab.engine import Ports
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from tests.lab.client import call, data

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def test_labs_run_side_by_side_without_meeting(tmp_path: Path) -> None:
    """Several labs at once have addresses, authorities and wake ports of their own."""
    with ExitStack() as running:
        labs = [running.enter_context(Lab(two_nodes(), tmp_path / str(n), clock=RunningClock(50))) for n in range(4)]
        assert len({lab.address("pve2") for lab in labs}) == 4
        assert len({lab.wake_port for lab in labs}) == 4

        call(labs[0], "pve2", "POST", "/nodes/pve/wakeonlan")
        labs[0].wait_until(lambda: labs[0].node("pve").stage is Stage.READY)

        assert [lab.node("pve").stage for lab in labs[1:]] == [Stage.OFF] * 3


def test_one_lab_serves_many_callers_at_once(tmp_path: Path) -> None:
    """Parallel requests from many threads are all answered, and all kept."""
    with Lab(two_nodes(), tmp_path) as lab, ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: data(lab, "pve2", "/version")["release"], range(40)))

        assert answers == ["9.1"] * 40
        assert len(lab.requests) == 40


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """After the end no thread runs, and the addresses are free for somebody else."""
    with Lab(two_nodes(), tmp_path) as lab:
        address = lab.address("pve2")
        call(lab, "pve2", "GET", "/version")

    assert [thread.name for thread in threading.enumerate() if thread.name == "lab"] == []
    for kind, port in ((socket.SOCK_STREAM, lab.ports.api), (socket.SOCK_DGRAM, lab.ports.bmc)):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))


def test_a_lab_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A port that is taken ends the start with the system's own error, and nothing keeps running."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.255.255.255", 0))
        lab = Lab(two_nodes(), tmp_path, ports=Ports(wake=taken.getsockname()[1]))

        with pytest.raises(OSError, match="Address already in use"):
            lab.start()

    assert [thread.name for thread in threading.enumerate() if thread.name == "lab"] == []


def test_a_lab_that_fails_while_it_runs_does_not_hide_it(tmp_path: Path) -> None:
    """A node that boots and finds its port taken ends the lab, and the end says why."""
    lab = Lab(two_nodes(), tmp_path, clock=RunningClock(50))
    lab.start()
    with socket.socket() as taken:
        taken.bind((lab.address("pve"), lab.ports.api))
        taken.listen()
        lab.power_on("pve")
        lab.wait_until(lambda: not lab.alive)
    with pytest.raises(ExceptionGroup) as failure:
        lab.stop()

    assert failure.group_contains(OSError, match="address already in use")


def test_waiting_for_what_never_happens_ends(tmp_path: Path) -> None:
    """A condition that does not come true is reported after the time allowed."""
    with Lab(two_nodes(), tmp_path) as lab, pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        lab.wait_until(lambda: lab.quorate, timeout=0.1)


def test_a_lab_without_a_folder_makes_and_removes_one() -> None:
    """The files of such a lab are gone with it."""
    with Lab(two_nodes()) as lab:
        folder = lab.directory
        assert lab.ca_path.is_file()

    assert not folder.exists()


def test_only_a_standing_clock_can_be_advanced(tmp_path: Path) -> None:
    """A lab that runs by itself refuses to be pushed."""
    with Lab(two_nodes(), tmp_path) as lab, pytest.raises(TypeError, match="ManualClock"):
        lab.advance(1)


def test_what_is_due_happens_in_order_and_at_its_own_moment() -> None:
    """However far the clock jumps, actions see the moment they were due at, the earlier ones first."""
    clock = ManualClock(start=100.0)
    agenda = Agenda(clock)
    seen: list[tuple[str, float]] = []
    agenda.after(5, lambda: seen.append(("late", agenda.now)))
    agenda.after(2, lambda: agenda.after(1, lambda: seen.append(("early", agenda.now))))
    clock.advance_to(1000.0)
    agenda.run_due()

    assert seen == [("early", 103.0), ("late", 105.0)]
    assert agenda.now == 1000.0


def test_an_interrupted_process_does_not_wake_for_what_it_waited_for_before() -> None:
    """Cleaning up after an interruption takes its own time; the step waited for before is void."""
    clock = ManualClock(start=0.0)
    agenda = Agenda(clock)
    seen: list[tuple[str, float]] = []

    def work() -> Generator[float, None, None]:
        try:
            yield 10.0
        except Interrupted:
            yield 20.0
            seen.append(("cleaned up", agenda.now))

    process = agenda.spawn(work())
    clock.advance_to(5.0)
    agenda.run_due()
    process.interrupt()
    clock.advance_to(100.0)
    agenda.run_due()

    assert seen == [("cleaned up", 25.0)]
    assert not process.alive
