"""RAPL over hours, in simulated time: the source and its record as the sampler runs them, against what was used.

The range and the rates are those at which a counter handed to Prometheus raw loses a fifth of the power.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from exporter.readings import Reason, Sample, SourceError
from exporter.settings import Settings
from exporter.sources.rapl import JOULES, Rapl
from exporter.track import Track
from tests.exporter.worlds import ManualClock, write_zone

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

SPAN = 65_532_610_987  # AMD EPYC 7401P
HOURS = 6


@dataclass
class Machine:
    """One package that draws a steady power, the exporter's record of it, and what a scraper sees of both."""

    root: Path
    watts: int
    start: int = 0

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.began = self.clock.now
        self.pace = Settings(node="pve2").rapl
        self.track = Track(Rapl(self.root, self.pace, self.clock.clock))
        self.next_read = self.clock.now
        self.zone = write_zone(self.root, "intel-rapl:0", "package-0", self.raw(), SPAN)

    def used(self) -> int:
        """Return the microjoules used so far."""
        return round((self.clock.now - self.began) * self.watts * 1e6)

    def raw(self) -> int:
        """Return what the kernel's counter shows."""
        return (self.start + self.used()) % SPAN

    def run(self, seconds: float) -> None:
        """Let time pass, with the reads that fall into it."""
        until = self.clock.now + seconds
        while self.next_read <= until:
            self.clock.now = self.next_read
            self.read()
        self.clock.now = until

    def read(self) -> None:
        """Read once, as the sampler does."""
        (self.zone / "energy_uj").write_text(f"{self.raw()}\n")
        self.track.begin(self.clock.now)
        result: Sample | SourceError
        try:
            result = self.track.source.read()
        except SourceError as error:
            result = error
        self.track.finish(result, self.clock.now, self.clock.now)
        self.next_read = self.clock.now + self.track.pause()

    def scrapes(self, interval: int, count: int) -> tuple[list[float], list[float]]:
        """Return what so many scrapes see of our counter, and what they would see of the kernel's."""
        shown, raw = [], []
        for _ in range(count + 1):
            self.run(0)
            shown.append(self.joules())
            raw.append(self.raw() / 1e6)
            self.run(interval)
        return shown, raw

    def joules(self) -> float:
        """Return the counter as it would be scraped now."""
        (joules,) = (row.value for row in self.track.state(self.clock.now, 30.0).readings if row.family == JOULES)
        return joules

    def errors(self) -> int:
        """Return how many reads were implausible."""
        return self.track.state(self.clock.now, 30.0).errors[Reason.IMPLAUSIBLE]


def prometheus_increase(samples: list[float]) -> float:
    """Return what Prometheus makes of a counter: a fall is a reset, and what is shown after it is all there was."""
    return sum(after - before if after >= before else after for before, after in pairwise(samples))


@pytest.mark.parametrize("watts", [100, 200, 400])
def test_hours_of_scrapes_lose_nothing(tmp_path: Path, watts: int) -> None:
    """Within a thousandth of the truth by default settings, however rare the scrapes; a raw counter is not."""
    machine = Machine(tmp_path, watts, start=SPAN // 3)
    shown, raw = machine.scrapes(15, HOURS * 240)
    for every in (1, 2, 4, 8):  # scrapes each 15, 30, 60, 120 s
        scraped = shown[::every]
        true = watts * 15 * every * (len(scraped) - 1)

        assert prometheus_increase(scraped) == pytest.approx(true, rel=0.001)
        # At each wrap it loses what was left of the range: half a scrape's energy on average.
        kept = 1 - watts * 15 * every / 2 / (SPAN / 1e6)
        assert prometheus_increase(raw[::every]) / true == pytest.approx(kept, abs=0.03)
    assert machine.errors() == 0


def test_prometheus_itself_sees_the_true_power(tmp_path: Path, toolbox: Toolbox) -> None:
    """By promtool, 10 minutes' rate of 60 s scrapes at 400 W is ours within a thousandth; a raw one is a sixth less."""
    shown, raw = Machine(tmp_path, 400, start=SPAN // 3).scrapes(60, 180)
    ours = "avg_over_time(rate(wattshift_rapl_joules_total[10m])[170m:1m])"
    tests = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": "wattshift_rapl_joules_total", "values": " ".join(map(str, shown))},
                    {"series": "raw_joules_total", "values": " ".join(map(str, raw))},
                ],
                "promql_expr_test": [
                    {
                        "expr": f"abs({ours} - 400) < bool 0.4",
                        "eval_time": "180m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    },
                    {
                        "expr": ours.replace("wattshift_rapl", "raw") + " < bool 400 * 0.85",
                        "eval_time": "180m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    },
                ],
            }
        ],
    }
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps(tests))  # every JSON document is one of YAML
    done = subprocess.run(
        [toolbox.find("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class Bursts(Machine):
    """Works for 5 s of each 20 s, at 400 W in place of its usual power."""

    def used(self) -> int:
        """Return the microjoules used so far."""
        rounds, rest = divmod(self.clock.now - self.began, 20)
        bursts = rounds * 5 + min(rest, 5)
        return round((bursts * 400 + (self.clock.now - self.began - bursts) * self.watts) * 1e6)


@pytest.mark.parametrize("watts", [20, 60])
def test_hours_of_bursts_lose_nothing(tmp_path: Path, watts: int) -> None:
    """Load that leaps in each window takes no wrap for a reset: what is counted is what was used, to the microjoule."""
    machine = Bursts(tmp_path, watts, start=SPAN // 3)
    machine.run(0)
    before, used = machine.joules(), machine.used()
    machine.run(HOURS * 3600)
    machine.read()

    assert machine.errors() == 0
    assert machine.joules() - before == pytest.approx((machine.used() - used) / 1e6, rel=1e-12)


@pytest.mark.parametrize("asleep", [2, 25, 8 * 3600])
def test_a_suspended_machine_makes_no_energy_up(tmp_path: Path, asleep: int) -> None:
    """It wakes with its counter at zero, which looks like a wrap: the total stands, one window is left out."""
    machine = Machine(tmp_path, 200, start=(SPAN - 10**9 - 600 * 200 * 10**6) % SPAN)  # one kilojoule before the wrap
    machine.run(600)
    before = machine.joules()
    machine.clock.suspend(asleep)
    machine.began, machine.start = machine.clock.now, 0
    machine.next_read = machine.clock.now
    machine.read()
    assert machine.errors() == 1
    machine.run(3600)

    assert machine.joules() == pytest.approx(before + 200 * 3600, rel=0.001)
    assert machine.errors() == 1


def test_a_stepped_wall_clock_bends_no_figure(tmp_path: Path) -> None:
    """The day's time may jump by years in either direction: watts and joules come from the clock that cannot."""
    machine = Machine(tmp_path, 200)
    day = [0.0]
    machine.clock.clock = type(machine.clock.clock)(monotonic=lambda: machine.clock.now, wall=lambda: day[0])
    machine.track = Track(Rapl(tmp_path, machine.pace, machine.clock.clock))
    for step in (0.0, 1e9, -2e9, 3600.0):
        day[0] += step
        machine.run(60)

    assert machine.joules() == pytest.approx(200 * 240, rel=0.03)
    assert machine.errors() == 0


def test_an_outage_costs_no_more_than_itself(tmp_path: Path) -> None:
    """The driver goes for minutes and reads grow rare: within a minute of its return all is as before."""
    machine = Machine(tmp_path, 400)
    machine.run(600)
    folder = tmp_path / "class" / "powercap"
    for _ in range(9):  # reads that fail, until the pause between them has grown to its longest
        (folder / "intel-rapl:0").rename(tmp_path / "aside")
        machine.track.begin(machine.next_read)
        machine.clock.now = machine.next_read
        with pytest.raises(SourceError) as caught:
            machine.track.source.read()
        machine.track.finish(caught.value, machine.clock.now, machine.clock.now)
        machine.next_read = machine.clock.now + machine.track.pause()
        (tmp_path / "aside").rename(folder / "intel-rapl:0")
    assert machine.track.pause() == 60.0
    machine.run(66)  # the read after the pause, and the next
    at, back = machine.clock.now, machine.joules()
    machine.run(3600)

    assert machine.clock.now == at + 3600
    assert machine.joules() - back == pytest.approx(400 * 3600, rel=0.002)
    assert machine.errors() == 1
