"""The BMC and the real ipmitool understand each other."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.cluster import Stage
from deploy.lab.ipmi import packet
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.ipmi.power_meter import MeterFault
    from deploy.lab.tools import Toolbox

_PATIENCE_SECONDS = 60


class IpmiTool:
    """The real program, pointed at the lab."""

    def __init__(self, path: Path, lab: Lab) -> None:
        self._path = path
        self._lab = lab

    def run(
        self, node: str, *words: str, password: str | None = None, user: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it against a node's BMC."""
        plan = self._lab.plan
        command = [str(self._path), "-I", "lanplus", "-H", self._lab.address(node), "-p", str(self._lab.ports.bmc)]
        return subprocess.run(
            [*command, "-U", user or plan.bmc_user, "-E", *words],
            env={**os.environ, "IPMI_PASSWORD": password or plan.bmc_password, "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )

    def reading(self, node: str = "pve2") -> subprocess.CompletedProcess[str]:
        """Ask for a power reading, with little patience."""
        return self.run(node, "-N", "1", "-R", "1", "dcmi", "power", "reading")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment, its time standing still."""
    with Lab(two_nodes(), tmp_path, clock=ManualClock(start=1_795_370_000.0)) as lab:
        yield lab


@pytest.fixture
def ipmitool(lab: Lab, toolbox: Toolbox) -> IpmiTool:
    """The real ipmitool."""
    return IpmiTool(toolbox.find("ipmitool"), lab)


def watts(output: str) -> list[int]:
    """Return the figures of a reading: now, least, most, average."""
    return [int(figure) for figure in re.findall(r"(\d+) Watts", output)]


def test_a_power_reading_has_now_least_most_and_average(lab: Lab, ipmitool: IpmiTool) -> None:
    """Ten seconds at rest and thirty under load: the statistics weigh the time that each held."""
    rest = lab.watts("pve2").wall
    lab.advance(10)
    lab.set_load(100, 1.0)
    load = lab.watts("pve2").wall
    lab.advance(30)
    done = ipmitool.reading()

    assert done.returncode == 0
    assert watts(done.stdout) == [round(load), round(rest), round(load), round((rest * 10 + load * 30) / 40)]
    assert "00000040 Seconds" in done.stdout
    assert "11/22/26 17:54:00 UTC" in done.stdout
    assert re.search(r"state is:\s+activated\n", done.stdout)


@pytest.mark.parametrize("suite", [(), ("-C", "3"), ("-C", "17")], ids=["chosen by ipmitool", "3", "17"])
def test_both_cipher_suites_work(ipmitool: IpmiTool, suite: tuple[str, ...]) -> None:
    """The suite that ipmitool picks by itself works, and so do SHA-1 and SHA-256 when asked for."""
    done = ipmitool.run("pve2", *suite, "chassis", "power", "status")

    assert (done.returncode, done.stdout) == (0, "Chassis Power is on\n")


def test_a_suite_that_is_not_offered_is_refused(ipmitool: IpmiTool) -> None:
    """No session comes about without integrity and encryption."""
    done = ipmitool.run("pve2", "-C", "0", "chassis", "power", "status")

    assert done.returncode == 1


@pytest.mark.parametrize(("user", "password"), [(None, "wrong"), ("nobody", None)])
def test_wrong_credentials_are_refused(lab: Lab, ipmitool: IpmiTool, user: str | None, password: str | None) -> None:
    """Neither a wrong password nor an unknown user gets a session."""
    done = ipmitool.run("pve", "chassis", "power", "on", user=user, password=password)

    assert done.returncode == 1
    assert "Unable to establish IPMI v2 / RMCP+ session" in done.stderr
    assert lab.node("pve").stage is Stage.OFF
    assert lab.bmc_commands("pve") == []


def test_the_chassis_is_switched_on_and_off(lab: Lab, ipmitool: IpmiTool) -> None:
    """A BMC answers while its node is off, starts its boot, and cuts its power."""
    seen = [ipmitool.run("pve", "chassis", "power", "status").stdout]
    for action in ("on", "off"):
        assert ipmitool.run("pve", "chassis", "power", action).returncode == 0
        seen.append(ipmitool.run("pve", "chassis", "power", "status").stdout)

    assert seen == [f"Chassis Power is {state}\n" for state in ("off", "on", "off")]
    assert lab.node("pve").boots == 1


@pytest.mark.parametrize("action", ["cycle", "reset"])
def test_cycling_the_power_boots_anew(lab: Lab, ipmitool: IpmiTool, action: str) -> None:
    """The guests are gone, and the node is on its way up again."""
    assert ipmitool.run("pve2", "chassis", "power", action).returncode == 0
    assert (lab.node("pve2").stage, lab.node("pve2").boots) == (Stage.POWERED, 1)
    assert not lab.guest(100).running


def test_chassis_status_is_complete(ipmitool: IpmiTool) -> None:
    """The longer form is understood too."""
    done = ipmitool.run("pve2", "chassis", "status")

    assert (done.returncode, "System Power         : on" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("fault", "status", "pattern"),
    [
        ("inactive", 0, r"reading:\s+0 Watts(.|\n)*S\+ 00:00:00(.|\n)*deactivated"),
        ("zero", 0, r"reading:\s+0 Watts(.|\n)*is:\s+activated"),
        ("unknown", 0, r"reading:\s+65535 Watts(.|\n)*is:\s+activated"),
        ("truncated", 0, r"reading:\s+[1-9]\d* Watts"),
        ("wrong group", 1, r"A valid DCMI command was not returned! \(57\)"),
        (0xC1, 1, r"DCMI request failed because: Invalid command \(c1\)"),
        (0xD4, 1, r"DCMI request failed because: Insufficient privilege level \(d4\)"),
        (0xC0, 1, r"DCMI request failed because: Node busy \(c0\)"),
        ("hang", 1, r"Unable to get DCMI information"),
        ("dead", 1, r"Unable to establish IPMI v2 / RMCP\+ session"),
    ],
)
def test_a_meter_misbehaves_as_ordered(
    lab: Lab, ipmitool: IpmiTool, fault: MeterFault, status: int, pattern: str
) -> None:
    """Each fault looks to ipmitool as it does on real hardware."""
    lab.spoil_meter("pve2", fault)
    done = ipmitool.reading()

    assert done.returncode == status
    assert re.search(pattern, done.stdout + done.stderr)


def test_a_meter_recovers(lab: Lab, ipmitool: IpmiTool) -> None:
    """Once repaired it gives its figures again."""
    lab.spoil_meter("pve2", 0xC1)
    lab.spoil_meter("pve2", None)

    assert ipmitool.reading().returncode == 0


def test_each_node_has_its_own_bmc(lab: Lab, ipmitool: IpmiTool) -> None:
    """The one that is off reads its standby power, the other one what it draws."""
    assert watts(ipmitool.reading("pve").stdout)[0] == round(lab.watts("pve").wall)
    assert watts(ipmitool.reading("pve2").stdout)[0] == round(lab.watts("pve2").wall)


@pytest.mark.parametrize("junk", [b"", b"\x06", b"\x06\x00\xff\x07", b"\x06\x00\xff\x06" + bytes(20), bytes(400)])
def test_junk_is_told_apart_from_ipmi(junk: bytes) -> None:
    """What is not a whole IPMI packet is refused before anything looks into it."""
    with pytest.raises(packet.Malformed):
        packet.unpack(junk)
