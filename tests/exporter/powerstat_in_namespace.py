"""Run in a mount namespace: puts a powercap tree over /sys/class and reads the real powerstat over it.

Arguments: the folder to put there, the zone in it whose counter is to run, the user to read as (a number), and the
folder of tools, which is put where that user can reach it: the checkout may be another's own (0700).
Prints the samples as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from exporter.readings import Clock
from exporter.settings import Pace
from exporter.sources.powerstat import Powerstat

WATTS = 40.0
_SAMPLES = 2


def run_counter(energy: Path, stop: threading.Event) -> None:
    """Let the counter run at `WATTS`, moving it as often as the kernel would be asked."""
    began = time.monotonic()
    new = energy.with_name("new")
    while not stop.wait(0.005):
        new.write_text(f"{int((time.monotonic() - began) * WATTS * 1e6)}\n")
        new.rename(energy)


def main() -> None:
    """Read, print, clean up."""
    folder, zone, user, tools = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    subprocess.run(["mount", "--bind", str(folder), "/sys/class"], check=True)
    subprocess.run(["mount", "--bind", tools, "/mnt"], check=True)
    environment = os.environ | {"PATH": f"/mnt/bin:{os.environ['PATH']}"}
    powercap = Path("/sys/class/powercap") / zone
    if user != os.geteuid():
        os.chown(powercap, user, -1)  # the counter's thread gives up root as well
        os.setuid(user)
    stop = threading.Event()
    counter = threading.Thread(target=run_counter, args=(powercap / "energy_uj", stop))
    counter.start()
    powerstat = Powerstat(Pace(interval=0.5, deadline=120.0), environment, Clock())
    try:
        samples = [powerstat.read() for _ in range(_SAMPLES)]
    finally:
        powerstat.close()
        stop.set()
        counter.join()
    json.dump([[(row.family, *row.labels, row.value) for row in sample.readings] for sample in samples], sys.stdout)


if __name__ == "__main__":
    main()
