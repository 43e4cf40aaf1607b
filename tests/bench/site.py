"""The machine that is measured, as a process of its own: its energy counters run, its BMC and a hundred others answer.

Apart from the one that takes the times, so that neither waits for the other's interpreter. It prints a line once
everything runs, then obeys lines ``hang ADDRESS`` and ``answer ADDRESS``, and answers each with a line.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from deploy.lab.ipmi.bmc import Bmc
from tests.exporter.proxmox import cpu_stat, machine_stat

USER, PASSWORD = "admin", "correct-horse"  # no blank: FreeIPMI cannot take one from the file that ipmi_exporter writes
_MOVE_SECONDS = 0.2
_WATTS = 40.0
_GUEST_SHARE = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


class _Chassis:
    """A machine that stays on."""

    def is_on(self) -> bool:
        return True

    def power_on(self) -> None:
        pass

    def power_off(self) -> None:
        pass

    def now(self) -> float:
        return time.time()


class _Counters:
    """What runs on while a machine does: its energy counters, its CPU time, and that of its guests."""

    def __init__(self, machine: Path) -> None:
        zones = sorted((machine / "sys" / "class" / "powercap").iterdir())
        self._spans = {zone: int((zone / "max_energy_range_uj").read_text()) for zone in zones}
        self._starts = {zone: int((zone / "energy_uj").read_text()) for zone in zones}
        self._guests = sorted((machine / "sys" / "fs" / "cgroup").glob("*/*/cpu.stat"))
        self._machine = machine / "proc" / "stat"

    def set(self, seconds: float) -> None:
        """Put every counter where it stands after so long: each zone draws 40 W, each guest takes 5 % of a CPU."""
        for zone, span in self._spans.items():
            energy = self._starts[zone] + int(seconds * _WATTS * 1e6)
            _replace(zone / "energy_uj", f"{energy % span}\n")
        guest = int(seconds * _GUEST_SHARE * 1e6)
        for file in self._guests:
            _replace(file, cpu_stat(guest))
        work = seconds * (1 + _GUEST_SHARE * len(self._guests))
        _replace(self._machine, machine_stat(user=int(work * _TICKS), idle=int(seconds * _TICKS)))


def _replace(file: Path, text: str) -> None:
    # A file that is replaced is never read half written.
    new = file.with_name(".new")
    new.write_text(text)
    new.rename(file)


async def _run(counters: _Counters) -> None:
    began = time.monotonic()
    while True:
        counters.set(time.monotonic() - began)
        await asyncio.sleep(_MOVE_SECONDS)


async def _obey(bmcs: dict[str, Bmc]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)  # noqa: T201 - what the other process waits for
    while line := (await reader.readline()).decode().split():
        word, address = line
        bmcs[address].meter.fault = "hang" if word == "hang" else None
        print("done", flush=True)  # noqa: T201 - same


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("addresses", nargs="+")
    given = parser.parse_args()
    bmcs = {address: Bmc(_Chassis(), {USER: PASSWORD}) for address in given.addresses}
    for address, bmc in bmcs.items():
        for watts, seconds in ((28.0, 1800.0), (462.0, 900.0), (212.0, 900.0)):
            bmc.meter.observe(watts, seconds)
        await bmc.listen(address, given.port)
    counters = asyncio.create_task(_run(_Counters(given.machine)))
    await _obey(bmcs)
    counters.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
