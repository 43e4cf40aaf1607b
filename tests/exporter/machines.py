"""Whole machines in a folder, and an exporter led through them in lockstep.

A machine's powercap tree is copied, and the first counter that the exporter reads in each pass is made a named pipe.
So a pass starts when the test writes to the pipe: what the exporter reads is settled, and no time matters but the
length of the window, which the test brackets. The energies are small, since the window is short.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.settings import COLLECTORS
from tests.exporter.process import serving
from tests.exporter.recordings import FIXTURES, play_ipmitool, play_powerstat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PACED = ("rapl", "dcmi", "powerstat")
_FLAGS = (
    "--node=pve2",
    "--rapl.interval=1ms",
    "--dcmi.interval=600s",
    "--max-age=1201s",
    *(f"--{name}.deadline=600s" for name in _PACED),
)


@dataclass(frozen=True)
class Machine:
    """A machine under ``fixtures/machines``, and what its tools answer."""

    name: str
    ipmitool: str | None = None
    powerstat: Path | None = None
    shown_last: tuple[str, ...] = field(default=())
    """What a scrape shows when everything has been read."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return FIXTURES / "machines" / self.name


@dataclass(frozen=True)
class Shown:
    """A scrape, and the bounds of the window, in seconds, that its RAPL power is the mean over."""

    text: str
    shortest: float
    longest: float


@contextmanager
def scraped(machine: Machine, tmp_path: Path) -> Iterator[Shown]:
    """Serve the machine, let its counters be read twice, and give the scrape that follows."""
    sysfs, tools = tmp_path / "sys", tmp_path / "bin"
    shutil.copytree(machine.folder / "sys", sysfs)
    tools.mkdir()
    if machine.ipmitool:
        play_ipmitool(tools, machine.ipmitool)
    if machine.powerstat:
        play_powerstat(tools, machine.powerstat, tmp_path / "pid")
    for name in ("cat", "sleep", "stdbuf"):
        (tools / name).symlink_to(shutil.which(name) or name)
    gate = sysfs / "class" / "powercap" / "intel-rapl:0" / "energy_uj"
    first = gate.read_text() if gate.exists() else None
    if first is not None:
        gate.unlink()
        os.mkfifo(gate)
    off = _left_out(machine)
    asked = len(COLLECTORS) - len(off)
    without = [f"--no-collector.{name}" for name in off]
    with serving(str(tools), f"--path.sysfs={sysfs}", *without, *_FLAGS) as exporter:
        began = between = shortest = longest = time.monotonic()
        if first is not None:
            began = time.monotonic()
            gate.write_text(first)
            exporter.metrics_when(lambda text: "wattshift_rapl_joules_total{" in text)
            between = time.monotonic()
            _write_next(machine, sysfs)
            shortest = time.monotonic() - between
            gate.write_text(f"{_next(machine)[gate.parent.name]}\n")
            exporter.metrics_when(lambda text: "wattshift_rapl_watts{" in text)
            longest = time.monotonic() - began
        text = exporter.metrics_when(
            lambda text: (
                text.count("wattshift_source_up{") == asked and all(part in text for part in machine.shown_last)
            )
        )
        yield Shown(text, shortest, longest)
        assert exporter.stop() == 0


def _left_out(machine: Machine) -> list[str]:
    """Return the collectors that are off: guests have a test of their own, and not every machine has sensors."""
    return ["guests"] if (machine.folder / "sys" / "class" / "hwmon").is_dir() else ["guests", "hwmon"]


def _next(machine: Machine) -> dict[str, int]:
    counters: dict[str, int] = json.loads((machine.folder / "next.json").read_text())
    return counters


def _write_next(machine: Machine, sysfs: Path) -> None:
    for zone, energy in _next(machine).items():
        path = sysfs / "class" / "powercap" / zone / "energy_uj"
        if path.is_file():
            path.write_text(f"{energy}\n")
