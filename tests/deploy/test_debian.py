"""The package on Debian 12 and 13: installed with apt, started by systemd, with the release's own Python and tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.deploy import bmc
from tests.deploy.machine import WATTS
from tests.deploy.node import DEFAULTS, UNIT, USER

if TYPE_CHECKING:
    from tests.deploy.node import Node

PYTHON = {"bookworm": "3.11.", "trixie": "3.13."}
POWERSTAT = {"bookworm": "0.03.01", "trixie": "0.04.05"}
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, "/usr/share/wattshift-exporter")
import exporter
for module in pkgutil.walk_packages(exporter.__path__, "exporter."):
    importlib.import_module(module.name)
    print(module.name)
"""


def watts(scrape: str, series: str) -> float:
    """Return the figure of the series that begins like this."""
    found = re.search(rf"^{re.escape(series)}[^ ]* (.*)$", scrape, re.MULTILINE)
    assert found, scrape
    return float(found[1])


def test_it_is_measured_after_installation_alone(node: Node) -> None:
    """Without a setting made or a service started by hand, a scrape shows what the counters run at."""
    scrape = node.machine.metrics_with("wattshift_rapl_watts", "wattshift_powerstat_watts")

    assert watts(scrape, 'wattshift_rapl_watts{die="",domain="package"') == pytest.approx(WATTS, rel=0.5)
    assert watts(scrape, "wattshift_node_watts") == pytest.approx(2 * WATTS, rel=0.5)  # the package and its memory
    assert f'pythonversion="{PYTHON[node.release]}' in scrape
    assert node.machine.do("systemctl", "is-enabled", UNIT) == "enabled"


def test_the_releases_own_powerstat_is_read(node: Node) -> None:
    """Debian's version of it measures the same, run by the exporter's user."""
    scrape = node.machine.metrics_with("wattshift_powerstat_watts")

    assert node.machine.do("dpkg-query", "-Wf", "${Version}", "powerstat").startswith(POWERSTAT[node.release])
    assert watts(scrape, "wattshift_powerstat_watts{") == pytest.approx(WATTS, rel=0.5)


@pytest.mark.usefixtures("settings")
def test_the_releases_own_ipmitool_asks_a_bmc(node: Node) -> None:
    """The BMC's figure is the node's, and its password is in nobody's command line."""
    with node.machine.bmc():
        node.restart(f"--dcmi.host={bmc.HOST}", f"--dcmi.user={bmc.USER}", "--rapl.interval=1s", secret=bmc.PASSWORD)
        scrape = node.machine.metrics_with("wattshift_dcmi_watts{", "wattshift_node_watts{")
        lines = node.machine.do("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")

    assert watts(scrape, "wattshift_dcmi_watts{") == bmc.WATTS
    assert watts(scrape, "wattshift_node_watts{") == bmc.WATTS
    assert f"--dcmi.host={bmc.HOST}" in lines
    assert bmc.PASSWORD not in lines


@pytest.mark.usefixtures("settings")
def test_flags_that_make_no_sense_are_told(node: Node) -> None:
    """The journal holds the sentence, and the service is failed, since starting it again would not mend them."""
    node.machine.path(DEFAULTS).write_text('ARGS="--max-age=1s"\n')
    node.machine.run("systemctl", "restart", UNIT)
    node.machine.await_failure()
    node.machine.do("journalctl", "--sync")

    assert node.machine.property("ExecMainStatus") == "2"
    assert "argument --max-age: 1s" in node.machine.do("journalctl", "--unit", UNIT)


def test_a_crash_is_mended(node: Node) -> None:
    """It is started again, and nothing of the one before is left."""
    node.start()
    node.machine.metrics_with("wattshift_powerstat_watts")
    before = node.machine.property("MainPID")
    node.machine.do("sh", "-c", f"kill -KILL {before}")
    node.machine.metrics_with("wattshift_powerstat_watts")

    assert node.machine.property("MainPID") not in {before, "0"}
    assert node.machine.property("NRestarts") == "1"
    assert node.programs().count("powerstat") == 1


def test_it_stops_when_told(node: Node) -> None:
    """The unit ends in good order, and takes its children along."""
    node.machine.metrics_with("wattshift_powerstat_watts")
    node.machine.do("systemctl", "stop", UNIT)
    state = [node.machine.property(name) for name in ("ActiveState", "Result", "ExecMainStatus")]
    left = node.programs()
    node.start()

    assert state == ["inactive", "success", "0"]
    assert node.machine.property("KillMode") == "mixed"  # children are the exporter's own to end
    assert left == []


def test_the_program_minds_its_own_modules_alone(node: Node) -> None:
    """Neither the folder it is started in, PYTHONPATH nor the user's own packages change what runs."""
    for folder in ("/srv/here", "/srv/there"):
        node.machine.do("mkdir", "-p", folder)
        for module in ("exporter.py", "logging.py", "prometheus_client.py"):
            node.machine.path(f"{folder}/{module}").write_text("raise SystemExit('not ours')\n")
    done = node.machine.run(
        "env", "--chdir=/srv/here", "PYTHONPATH=/srv/there", "PYTHONHOME=/srv", "wattshift-exporter", "--version"
    )

    assert (done.returncode, done.stdout) == (
        0,
        f"wattshift-exporter {node.machine.do('dpkg-query', '-Wf', '${Version}', 'wattshift-exporter')}\n",
    )


def test_each_module_suits_the_releases_python(node: Node) -> None:
    """Every module can be imported beside the release's own prometheus_client, without a warning of Python's."""
    found = node.machine.do("/usr/bin/python3", "-I", "-W", "error", "-", stdin=IMPORT_ALL).splitlines()

    assert {"exporter.cli", "exporter.sources.rapl", "exporter.web.server"} <= set(found)


def test_a_person_may_read_by_hand(node: Node) -> None:
    """The table shows the counters' power, for the user that may read them."""
    node.machine.metrics_with("wattshift_rapl_watts")
    table = node.machine.do("runuser", "-u", USER, "--", "wattshift-exporter", "read", "--no-collector.powerstat")

    found = re.search(r"^rapl +0 package +(\S+) +up$", table, re.MULTILINE)

    assert found, table
    assert float(found[1]) == pytest.approx(WATTS, rel=0.5)


def test_the_doctor_finds_that_power_can_be_measured(node: Node) -> None:
    """Run by the service's user, on the release's own tools, it ends well."""
    done = node.machine.run("runuser", "-u", USER, "--", "wattshift-exporter", "doctor")

    assert done.returncode == 0, done.stdout
