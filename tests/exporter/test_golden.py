"""Whole scrapes of whole machines, as the real process gives them, against files that a person can read.

``UPDATE_GOLDEN=1 pytest tests/exporter/test_golden.py`` writes the files anew; look at their difference before you
commit it. What depends on the hour, the speed or the Python of this machine is NaN in them, or ``x`` in a label.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.machines import Machine, scraped
from tests.exporter.recordings import POWERSTAT_TWO_SOCKETS

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from tests.exporter.machines import Shown

MACHINES = [
    Machine("intel-desktop"),
    Machine(
        "two-socket-server",
        ipmitool="active",
        powerstat=POWERSTAT_TWO_SOCKETS,
        shown_last=('wattshift_powerstat_watts{node="pve2",package="0"} 100.66',),
    ),
    Machine("amd-server", ipmitool="deact"),
    Machine("intel-laptop"),
    Machine("multi-die-server", ipmitool="ccd4"),
    Machine("home-server"),
    Machine("no-sensors"),
]

# Watts of RAPL depend on the length of the window, which is checked apart. How often a source that is down was tried
# depends on how long the scrape took to come.
VARYING = re.compile(
    r"^(wattshift_(?:rapl_watts|source_last_success_timestamp_seconds|source_duration_seconds)\{.*\}"
    r'|wattshift_node_watts\{.*source="(?:rapl|psys)"\}|wattshift_source_errors_total\{.*\}(?! 0\.0)) .*$',
    re.MULTILINE,
)


def settle(text: str) -> str:
    """Return the scrape without what varies."""
    return re.sub(r'pythonversion="[^"]*"', 'pythonversion="x"', VARYING.sub(r"\1 NaN", text))


def values(text: str, name: str) -> dict[tuple[str, str, str], float]:
    """Return a RAPL metric's values by package, die and domain."""
    return {
        (sample.labels["package"], sample.labels["die"], sample.labels["domain"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def node_watts(text: str) -> list[tuple[str, float]]:
    """Return the node's power, as often as it is shown, with its source."""
    return [
        (sample.labels["source"], sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "wattshift_node_watts"
    ]


def check_power(shown: Shown) -> None:
    """Check that each zone's power is its energy over the window, and the node's the sum or zone it says it is."""
    joules, watts = values(shown.text, "wattshift_rapl_joules_total"), values(shown.text, "wattshift_rapl_watts")
    for zone, power in watts.items():
        assert joules[zone] / shown.longest <= power
        assert power * shown.shortest <= joules[zone]
    for source, power in node_watts(shown.text):
        if source == "rapl":
            assert power == pytest.approx(sum(watts[zone] for zone in watts if zone[2] in {"package", "dram"}))
        elif source == "psys":
            assert power == pytest.approx(watts[("", "", "psys")])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_scrape_of_a_machine(machine: Machine, tmp_path: Path, toolbox: Toolbox) -> None:
    """The real process over a machine's files shows exactly its golden metrics, and promtool has no complaint."""
    golden = machine.folder / "metrics.txt"
    with scraped(machine, tmp_path) as shown:
        check_power(shown)
    text = settle(shown.text)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)

    assert text == golden.read_text()
    for metrics in (shown.text, text):
        checked = subprocess.run(
            [toolbox.find("promtool"), "check", "metrics"],
            input=metrics,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
