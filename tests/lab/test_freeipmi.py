"""The BMC and FreeIPMI, the tools that the established IPMI exporter runs, understand each other."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

_PATIENCE_SECONDS = 60


@pytest.mark.parametrize("suite", ["3", "17"])
def test_freeipmi_reads_the_power_meter(suite: str, toolbox: Toolbox, tmp_path: Path) -> None:
    """What the meter shows is what `ipmi-dcmi` prints, by either cipher suite."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock(start=1_795_370_000.0)) as lab:
        lab.advance(10)
        done = subprocess.run(
            [
                toolbox.find("ipmi-dcmi"),
                "--driver-type=LAN_2_0",
                f"--hostname={lab.address('pve2')}:{lab.ports.bmc}",
                f"--username={lab.plan.bmc_user}",
                f"--password={lab.plan.bmc_password}",
                f"--cipher-suite-id={suite}",
                "--get-system-power-statistics",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
        watts = round(lab.watts("pve2").wall)

    said = dict(line.split(":", 1) for line in done.stdout.splitlines())
    figures = {name.strip(): text.strip() for name, text in said.items()}

    assert done.returncode == 0, done.stderr
    assert figures["Current Power"] == f"{watts} Watts"
    assert figures["Statistics reporting time period"] == "10000 milliseconds"
    assert figures["Power Measurement"] == "Active"
