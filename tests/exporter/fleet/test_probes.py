"""Reads of BMCs under way: one a BMC, so many in all, each with an end."""

from __future__ import annotations

import os
import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest

from exporter.fleet.probes import Probes
from exporter.readings import Reason, SourceError
from exporter.settings import Bmc
from tests.exporter.recordings import play_ipmitool, write_program
from tests.exporter.test_child import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.readings import Sample

FOREVER = 120.0


class Tool:
    """An ipmitool that tells when it starts, and answers when it is let."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._log.touch()
        recorded = shlex.quote(str(play_ipmitool(folder / "recorded", "active")))
        where = shlex.quote(str(folder))
        for name in ("started", "answer"):
            os.mkfifo(folder / name)
        # A pipe that is open for both does not end with one of its users.
        self._answer = os.open(folder / "answer", os.O_RDWR)
        self._started = os.fdopen(os.open(folder / "started", os.O_RDWR))
        write_program(
            folder,
            "ipmitool",
            f"echo $$ >> {where}/log; echo > {where}/started; read _ < {where}/answer; exec {recorded}",
        )

    def wait_for_start(self) -> None:
        """Wait until one more has started."""
        self._started.readline()

    def let_answer(self) -> None:
        """Let one answer."""
        os.write(self._answer, b"\n")

    def pids(self) -> list[int]:
        """Return the processes that were started."""
        return [int(line) for line in self._log.read_text().split()]

    def close(self) -> None:
        """Close the pipes."""
        os.close(self._answer)
        self._started.close()


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    """The tool."""
    made = Tool(tmp_path)
    yield made
    made.close()


@pytest.fixture
def environment(tool: Tool, tmp_path: Path) -> dict[str, str]:
    """A PATH with the tool."""
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.fixture
def probes(environment: dict[str, str]) -> Iterator[Probes]:
    """Room for two reads."""
    made = Probes(environment, most=2)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Scrapers."""
    with ThreadPoolExecutor(8) as made:
        yield made


class Noticed(Bmc):
    """Tells when it is compared with the BMC of the read under way, which it then waits for."""

    __hash__ = Bmc.__hash__
    noticed: threading.Event

    def __init__(self, *fields: Any) -> None:
        super().__init__(*fields)
        object.__setattr__(self, "noticed", threading.Event())

    def __eq__(self, other: object) -> bool:
        self.noticed.set()
        return isinstance(other, Bmc) and astuple(self) == astuple(other)


def bmc(host: str = "bmc1", password: str = "x") -> Bmc:  # noqa: S107 - made up
    """Return a BMC."""
    return Bmc(host, 623, None, password)


def ask(probes: Probes, which: Bmc) -> Sample:
    """Ask, with all the time there is."""
    return probes.ask(which, FOREVER, FOREVER)


def test_two_scrapers_share_one_read(probes: Probes, tool: Tool, pool: ThreadPoolExecutor) -> None:
    """A pair of Prometheus servers costs a BMC no more than one; both get the same figures."""
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    again = Noticed(*astuple(bmc()))
    second = pool.submit(ask, probes, again)
    assert again.noticed.wait(FOREVER)
    tool.let_answer()

    assert first.result(FOREVER).up
    assert second.result(FOREVER) == first.result(FOREVER)
    assert len(tool.pids()) == 1


def test_a_scraper_with_less_time_leaves_earlier(probes: Probes, tool: Tool, pool: ThreadPoolExecutor) -> None:
    """It has its answer in its own time, and starts no second child."""
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    with pytest.raises(SourceError, match="not ended in time") as caught:
        probes.ask(bmc(), FOREVER, 0.0)
    tool.let_answer()

    assert caught.value.reason is Reason.TIMEOUT
    assert first.result(FOREVER).up
    assert len(tool.pids()) == 1


def test_a_scraper_in_a_hurry_cuts_nobody_elses_read_short(
    probes: Probes, tool: Tool, pool: ThreadPoolExecutor
) -> None:
    """The read goes on without who started it, and the next one gets its answer: one child for both."""
    with pytest.raises(SourceError, match="not ended in time"):
        probes.ask(bmc(), FOREVER, 0.2)
    tool.wait_for_start()
    second = pool.submit(ask, probes, bmc())
    tool.let_answer()

    assert second.result(FOREVER).up
    assert len(tool.pids()) == 1


def test_waiting_for_a_turn_and_for_the_answer_share_one_patience(
    environment: dict[str, str], tool: Tool, pool: ThreadPoolExecutor
) -> None:
    """Who waited for another module's read does not wait as long again for his own."""
    now = [0.0]
    probes = Probes(environment, now=lambda: now[0])
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    other = Noticed(*astuple(bmc(password="y")))
    second = pool.submit(ask, probes, other)
    assert other.noticed.wait(FOREVER)
    now[0] = FOREVER - 0.5
    tool.let_answer()
    tool.wait_for_start()
    with pytest.raises(SourceError, match="not ended in time"):
        second.result(FOREVER / 2)
    probes.close()

    assert first.result(FOREVER).up


@pytest.mark.parametrize(("seconds", "patience"), [(FOREVER, 0.1), (0.1, FOREVER), (FOREVER, -1.0)])
def test_without_time_nothing_is_started(probes: Probes, tool: Tool, seconds: float, patience: float) -> None:
    """An ipmitool that would be killed before it can log in is none."""
    with pytest.raises(SourceError, match="no time is left to ask") as caught:
        probes.ask(bmc(), seconds, patience)

    assert caught.value.reason is Reason.TIMEOUT
    assert tool.pids() == []


def test_waiting_for_a_turn_is_part_of_the_patience(
    environment: dict[str, str], tool: Tool, pool: ThreadPoolExecutor
) -> None:
    """Who waited so long for another module's read that no time is left starts none of his own."""
    now = [0.0]
    probes = Probes(environment, now=lambda: now[0])
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    other = Noticed(*astuple(bmc(password="y")))
    second = pool.submit(probes.ask, other, FOREVER, FOREVER)
    assert other.noticed.wait(FOREVER)
    now[0] = FOREVER
    tool.let_answer()
    with pytest.raises(SourceError, match="no time is left to ask"):
        second.result(FOREVER)

    assert first.result(FOREVER).up
    assert len(tool.pids()) == 1


def test_another_way_to_judge_waits_for_its_turn(probes: Probes, tool: Tool, pool: ThreadPoolExecutor) -> None:
    """Who believes a deactivated meter does not share with who does not."""
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    with pytest.raises(SourceError, match="another module"):
        probes.ask(bmc(), FOREVER, 0.0, accept_inactive=True)
    tool.let_answer()

    assert first.result(FOREVER).up


def test_other_credentials_wait_for_their_turn(probes: Probes, tool: Tool, pool: ThreadPoolExecutor) -> None:
    """Nobody gets an answer that somebody else's password bought, and the BMC is never asked twice at a time."""
    first = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    with pytest.raises(SourceError, match="another module") as caught:
        probes.ask(bmc(password="y"), FOREVER, 0.0)
    assert caught.value.reason is Reason.BUSY
    assert len(tool.pids()) == 1

    tool.let_answer()
    assert first.result(FOREVER).up
    second = pool.submit(ask, probes, bmc(password="y"))
    tool.wait_for_start()
    tool.let_answer()
    assert second.result(FOREVER).up


def test_a_bmc_that_hangs_holds_up_no_other(
    probes: Probes, tool: Tool, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Each has its own child and thread."""
    hanging = pool.submit(ask, probes, bmc())
    tool.wait_for_start()
    write_program(tmp_path, "ipmitool", f"exec {shlex.quote(str(tmp_path / 'recorded' / 'ipmitool'))}")

    assert ask(probes, bmc("bmc2")).up
    assert not hanging.done()
    tool.let_answer()
    assert hanging.result(FOREVER).up


def test_beyond_the_bound_it_waits_for_room_and_is_busy_when_there_is_none(
    probes: Probes, tool: Tool, pool: ThreadPoolExecutor
) -> None:
    """BMCs that hang must not have a healthy one refused while its scraper has time; when it has none, it is told."""
    under_way = [pool.submit(ask, probes, bmc(f"bmc{number}")) for number in (1, 2)]
    for _ in under_way:
        tool.wait_for_start()
    with pytest.raises(SourceError, match="2 BMCs are being asked already") as caught:
        probes.ask(bmc("bmc3"), FOREVER, 0.2)
    assert caught.value.reason is Reason.BUSY
    assert len(tool.pids()) == 2

    third = pool.submit(ask, probes, bmc("bmc3"))
    tool.let_answer()
    tool.wait_for_start()  # the third's, in the place of the one that has ended
    for _ in range(2):
        tool.let_answer()
    assert all(future.result(FOREVER).up for future in (*under_way, third))


def test_those_who_wait_for_a_silent_bmc_are_bounded(tmp_path: Path, tool: Tool) -> None:
    """A crowd that asks for one BMC leaves connections for others: who is too much is told at once."""
    made = Probes({"PATH": f"{tmp_path}:{os.environ['PATH']}"}, most_asking=2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, made, bmc()) for _ in range(2)]
        tool.wait_for_start()
        with made._changed:
            assert made._changed.wait_for(lambda: made._asking == 2, FOREVER)
        with pytest.raises(SourceError, match="2 scrapes wait for BMCs already") as caught:
            ask(made, bmc())
        assert caught.value.reason is Reason.BUSY
        tool.let_answer()
        assert all(future.result(FOREVER).up for future in waiting)
    made.close()


def test_a_child_ends_at_its_deadline_though_nobody_waits(probes: Probes, tool: Tool) -> None:
    """A scraper that has hung up leaves no process behind."""
    with pytest.raises(SourceError, match="no other is started before it has") as caught:
        probes.ask(bmc(), 0.6, 0.2)
    assert caught.value.reason is Reason.TIMEOUT

    with probes._changed:
        assert probes._changed.wait_for(lambda: not probes._flights, FOREVER)
    for pid in tool.pids():  # none, when the deadline came before its first line
        wait_for_end(pid)


def test_stopping_kills_what_runs_and_starts_no_more(probes: Probes, tool: Tool, pool: ThreadPoolExecutor) -> None:
    """The exporter's end is every child's end, and no waiting for BMCs."""
    under_way = [pool.submit(ask, probes, bmc(f"bmc{number}")) for number in (1, 2)]
    for _ in under_way:
        tool.wait_for_start()
    probes.close()
    for future in under_way:
        with pytest.raises(SourceError, match="the exporter is stopping") as caught:
            future.result(FOREVER)
        assert caught.value.reason is Reason.BUSY
    for pid in tool.pids():
        wait_for_end(pid)
    with pytest.raises(SourceError, match="stopping"):
        ask(probes, bmc())


def test_nothing_is_kept_of_bmcs_that_were_asked(tmp_path: Path) -> None:
    """Whatever targets are made up, memory does not grow with them."""
    probes = Probes({"PATH": str(tmp_path)})
    for number in range(300):
        with pytest.raises(SourceError, match="install it"):
            ask(probes, bmc(f"bmc{number}"))

    assert not probes._flights
    for thread in threading.enumerate():
        if thread.name.startswith("dcmi bmc"):  # the last may be on its way out
            thread.join(FOREVER)
            assert not thread.is_alive()
