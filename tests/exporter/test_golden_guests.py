"""What the scrape of a Proxmox node shows of its guests, against a file that a person can read.

As in test_golden.py, ``UPDATE_GOLDEN=1 pytest tests/exporter/test_golden_guests.py`` writes the file anew. The
exporter is led in lockstep: ``/proc/stat``, which a look at the guests begins with, is a named pipe.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from exporter.settings import COLLECTORS
from tests.exporter.process import serving
from tests.exporter.recordings import FIXTURES, play_ipmitool

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

HOST = FIXTURES / "machines" / "proxmox-host"
GOLDEN = HOST / "guests.txt"
_SHOWN = re.compile(r"^(?:# \w+ )?wattshift_(?:guest|node)_")
_ROOTS = (("sysfs", "sys"), ("procfs", "proc"), ("run", "run"), ("pve", "pve"))
_FLAGS = (
    "--node=pve2",
    "--max-age=1201s",
    "--guests.interval=1ms",
    "--guests.deadline=600s",
    "--dcmi.interval=600s",
    "--dcmi.deadline=600s",
    *(f"--no-collector.{name}" for name in COLLECTORS if name not in {"dcmi", "guests"}),
)


def scrape(tmp_path: Path) -> str:
    """Serve the machine, let its guests be looked at twice, and return the scrape that follows."""
    root = tmp_path / "root"
    shutil.copytree(HOST, root)
    play_ipmitool(tmp_path / "bin", "active")
    gate = root / "proc" / "stat"
    gate.unlink()
    os.mkfifo(gate)
    roots = [f"--path.{name}={root / folder}" for name, folder in _ROOTS]
    with serving(f"{tmp_path / 'bin'}:/usr/bin:/bin", *_FLAGS, *roots) as exporter:
        gate.write_text((HOST / "proc" / "stat").read_text())
        exporter.metrics_when(lambda text: "wattshift_guest_cpu_seconds_total{" in text)
        shutil.copytree(HOST / "next", root, dirs_exist_ok=True)
        gate.write_text((HOST / "next-stat").read_text())
        text = exporter.metrics_when(lambda text: "wattshift_guest_watts{" in text)
        assert exporter.stop() == 0
    return text


def test_the_scrape_of_a_node_with_guests(tmp_path: Path, toolbox: Toolbox) -> None:
    """Exactly the golden metrics: shares for who was there all the window, CPU time alone for who has just moved in."""
    text = scrape(tmp_path)
    shown = "".join(line for line in text.splitlines(keepends=True) if _SHOWN.search(line))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown)

    assert shown == GOLDEN.read_text()

    checked = subprocess.run(
        [toolbox.find("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_golden_watts_add_up_to_the_nodes() -> None:
    """In the text that Prometheus reads, not only in our arithmetic: to the microwatt."""
    samples = [sample for family in text_string_to_metric_families(GOLDEN.read_text()) for sample in family.samples]
    (node,) = [sample.value for sample in samples if sample.name == "wattshift_node_watts"]
    shares = {sample.labels["id"]: sample.value for sample in samples if sample.name == "wattshift_guest_watts"}

    assert sum(round(watts * 1e6) for watts in shares.values()) == round(node * 1e6)
    assert list(shares) == ["qemu/100", "qemu/104", "lxc/101", "host", "idle"]
