"""The exporter's half of the benchmark: beside Debian's own exporters, over the same machine and the same BMCs."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.settings import COLLECTORS
from tests.bench import cost, fleet, silence
from tests.bench.latency import Comparison, in_turns
from tests.bench.line import Line
from tests.bench.machine import Machine, Site
from tests.bench.programs import Programs
from tests.bench.say import say

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox
    from tests.bench.scraper import Scraper
    from tests.bench.serving import Running

_IPMI_METRIC = "ipmi_dcmi_power_consumption_watts"
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: spans of processor time are counted in scrapes, sweeps are over a hundred BMCs."""

    rounds: int
    scrapes: int
    windows: int
    ticks: int
    hung_scrapes: int
    sweeps: int
    hung_sweeps: int


FULL = Effort(rounds=5, scrapes=1000, windows=3, ticks=8, hung_scrapes=6, sweeps=5, hung_sweeps=3)
QUICK = Effort(rounds=3, scrapes=300, windows=2, ticks=6, hung_scrapes=2, sweeps=2, hung_sweeps=1)


class Bench:
    """One run."""

    def __init__(self, machine: Machine, site: Site, programs: Programs, effort: Effort) -> None:
        self._machine = machine
        self._site = site
        self._programs = programs
        self._effort = effort

    def lines(self) -> list[Line]:
        """Measure everything, one after the other."""
        lines: list[Line] = []
        with ExitStack() as running:
            ours = running.enter_context(self._programs.all_sources(self._machine.bmc))
            node = running.enter_context(self._programs.node_exporter())
            ipmi = running.enter_context(self._programs.ipmi_exporter())
            say("waiting until every source gives power")
            _settle(ours)
            _check(node.scraper(), "node_rapl_package_joules_total")
            _check(ipmi.scraper(self._ipmi_path(self._machine.bmc)), _IPMI_METRIC)
            lines += self._cost(ours, node, ipmi)
            lines += self._scrapes(ours, node)
            many = f"after {self._effort.rounds * self._effort.scrapes} scrapes"
            lines += cost.memory(many, ours.pid, node.pid, ipmi.pid, budget=1.5)
            lines += self._silence(ipmi)
            lines += self._fleet(ipmi)
        return lines

    def _cost(self, ours: Running, node: Running, ipmi: Running) -> list[Line]:
        windows, ticks = self._effort.windows, self._effort.ticks
        seconds = windows * ticks * cost.SCRAPE_SECONDS
        with ExitStack() as running:
            like = running.enter_context(self._programs.like_the_peers(self._machine.bmc))
            _settle(like, sources=2)
            say(f"processor time over {seconds:.0f} s")
            asked = [ours.scraper(), like.scraper(), node.scraper(), ipmi.scraper(self._ipmi_path(self._machine.bmc))]
            scrapes = [running.enter_context(scraper).scrape for scraper in asked]
            lines = cost.per_hour((ours.pid, like.pid), [node.pid, ipmi.pid], scrapes, windows, ticks)
        return lines + cost.memory(f"{seconds:.0f} s after start", ours.pid, node.pid, ipmi.pid)[:1]

    def _scrapes(self, ours: Running, node: Running) -> list[Line]:
        say("scrapes, in turns")
        comparison = Comparison("scrape, every source on", "node_exporter, rapl alone", budget=1.5, aim=1.0)
        with ours.scraper() as first, node.scraper() as second:
            return comparison.lines(*in_turns(first.scrape, second.scrape, self._effort.rounds, self._effort.scrapes))

    def _silence(self, ipmi: Running) -> list[Line]:
        say("scrapes while the BMC hangs")
        brisk = ("--dcmi.interval=1s", "--no-collector.powerstat")
        machine, programs, effort = self._machine, self._programs, self._effort
        with (
            programs.all_sources(machine.hanging_bmc, *brisk) as hung,
            programs.all_sources(machine.bmc, *brisk) as well,
            silence.ChildCount(hung.pid) as mine,
            silence.ChildCount(ipmi.pid) as theirs,
        ):
            with hung.scraper() as first, well.scraper() as second:
                times = in_turns(first.scrape, second.scrape, effort.rounds, effort.scrapes)
            seconds = silence.scrape_on(ipmi, self._ipmi_path(machine.hanging_bmc), effort.hung_scrapes)
        return [
            *Comparison("scrape while the BMC hangs", "while it answers", budget=1.2).lines(*times),
            Line("child processes while the BMC hangs", "", mine.most, "ipmi_exporter", theirs.most, budget=1.0),
            Line(
                "longest scrape while the BMC hangs",
                "ms",
                max(map(max, times[0])) * 1e3,
                "ipmi_exporter",
                max(seconds) * 1e3,
            ),
        ]

    def _fleet(self, ipmi: Running) -> list[Line]:
        say("a hundred BMCs")
        bmcs, rounds = self._machine.fleet, self._effort.sweeps
        hanging = bmcs[: len(bmcs) // 10]
        with self._programs.fleet() as running:
            ours = fleet.Side(running, self._fleet_path, "wattshift_dcmi_watts")
            peer = fleet.Side(ipmi, self._ipmi_path, _IPMI_METRIC)
            fleet.compare("warm-up", ours, peer, bmcs, 1)
            lines = fleet.compare(f"{len(bmcs)} BMCs at once", ours, peer, bmcs, rounds)
            self._site.hang(hanging)
            what = f"{len(bmcs)} BMCs at once, {len(hanging)} of them hanging"
            lines += fleet.compare(what, ours, peer, bmcs, self._effort.hung_sweeps)
            self._site.answer(hanging)
        return lines

    def _fleet_path(self, bmc: str) -> str:
        return f"/dcmi?module=default&target={bmc}:{self._machine.port}"

    def _ipmi_path(self, bmc: str) -> str:
        return f"/ipmi?module=default&target={bmc}:{self._machine.port}"


def _settle(ours: Running, sources: int = len(COLLECTORS)) -> None:
    until = time.monotonic() + _SETTLE_SECONDS
    with ours.scraper() as scraper:
        while True:
            text = scraper.scrape().body.decode()
            states = [line for line in text.splitlines() if line.startswith("wattshift_source_up{")]
            if len(states) == sources and all(line.endswith(" 1.0") for line in states):
                return
            if time.monotonic() > until:
                raise SystemExit(f"bench: not every source gives power, so there is nothing to compare:\n{text}")
            time.sleep(0.5)


def _check(scraper: Scraper, metric: str) -> None:
    """Make sure that a peer measures: one that has nothing to show is quick, and proves nothing."""
    with scraper:
        text = fleet.plain(scraper.scrape().body)
    if f"\n{metric}" not in text:
        raise SystemExit(f"bench: there is nothing to compare with, for {metric} is missing:\n{text}")


def measure(toolbox: Toolbox, *, quick: bool) -> list[Line]:
    """Measure it.

    Raises:
        DebianError: a tool is neither on PATH nor to be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="wattshift-bench-") as name:
        machine = Machine(Path(name))
        with machine.running() as site:
            programs = Programs(toolbox, machine, Path(name))
            return Bench(machine, site, programs, QUICK if quick else FULL).lines()
