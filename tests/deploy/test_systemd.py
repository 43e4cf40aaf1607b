"""The units, the users and the udev rule, judged by systemd's own tools as far as they go without systemd running."""

from __future__ import annotations

import configparser
import grp
import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

SYSTEMD = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = ["wattshift-exporter.service", "wattshift-actuator.service"]
# Exposure as `systemd-analyze security` counts it, in tenths: 0 is sealed, 100 is bare. Up to 29 it calls a unit "OK".
MOST_EXPOSED = "25"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool; its standard output and error come as one text."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


def service(unit: str) -> configparser.SectionProxy:
    """The [Service] section; the value of a key given twice is the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keep the case of keys, as systemd does
    parser.read_string((SYSTEMD / unit).read_text())
    return parser["Service"]


def verify(toolbox: Toolbox, unit: Path, root: Path) -> str:
    """Everything ``systemd-analyze verify`` has against a unit in a root folder that has both programs."""
    for program in ("usr/local/bin/wattshift-exporter", "usr/local/bin/wattshift-actuator", "bin/sh", "bin/kill"):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_text("#!/bin/sh\n")
        (root / program).chmod(0o755)
    installed = root / "etc" / "systemd" / "system" / unit.name
    installed.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(unit, installed)
    analyze = toolbox.find("systemd-analyze")
    done = run(analyze, "verify", "--man=no", "--recursive-errors=no", f"--root={root}", installed)
    return done.stdout + ("" if done.returncode == 0 else f"status {done.returncode}")


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_valid(unit: str, toolbox: Toolbox, tmp_path: Path) -> None:
    """The analyser knows every key and value of the unit and finds the program on its own path."""
    assert verify(toolbox, SYSTEMD / unit, tmp_path) == ""


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("fault", ["NoSuchKey=yes", "ProtectSystem=very", "ExecStart=wattshift-nothing"])
def test_unit_fault_is_seen(fault: str, unit: str, toolbox: Toolbox, tmp_path: Path) -> None:
    """The check above is one that can fail: an unknown key, a wrong value and a missing program are told."""
    broken = tmp_path / unit
    broken.write_text((SYSTEMD / unit).read_text().replace("[Install]", f"{fault}\n[Install]"))

    assert verify(toolbox, broken, tmp_path / "root") != ""


@pytest.mark.parametrize("unit", UNITS)
def test_unit_stays_hardened(unit: str, toolbox: Toolbox) -> None:
    """The analyser's own measure of exposure stays low, and no capability is given."""
    done = run(
        toolbox.find("systemd-analyze"),
        "security",
        "--offline=yes",
        f"--threshold={MOST_EXPOSED}",
        "--no-pager",
        SYSTEMD / unit,
    )

    assert done.returncode == 0, done.stdout
    assert service(unit)["CapabilityBoundingSet"] == ""
    assert service(unit)["NoNewPrivileges"] == "yes"
    assert "AmbientCapabilities" not in service(unit)


def test_exporter_can_see_what_it_measures() -> None:
    """Nothing hides the BMC's device, the energy counters or other processes from the exporter."""
    section = service("wattshift-exporter.service")

    assert section["DeviceAllow"] == "char-ipmidev rw"
    assert not {"PrivateDevices", "ProcSubset", "ProtectProc", "PrivateUsers", "PrivateNetwork"} & set(section)


def test_each_unit_runs_as_a_user_that_sysusers_makes(toolbox: Toolbox, tmp_path: Path) -> None:
    """systemd-sysusers accepts the file, and its users are those of the units, neither of them root."""
    done = run(
        toolbox.find("systemd-sysusers"),
        "--dry-run",
        f"--root={tmp_path}",
        SYSTEMD / "sysusers.d" / "wattshift.conf",
    )

    assert done.returncode == 0, done.stdout
    assert set(re.findall(r"Creating user '([^']+)'", done.stdout)) == {service(unit)["User"] for unit in UNITS}


def test_bmc_device_belongs_to_the_exporters_group_alone() -> None:
    """The udev rule opens /dev/ipmi0 to the exporter and to nobody else."""
    rules = [
        line
        for line in (SYSTEMD / "udev" / "60-wattshift.rules").read_text().splitlines()
        if line and not line.startswith("#")
    ]

    assert rules == ['SUBSYSTEM=="ipmi", KERNEL=="ipmi[0-9]*", GROUP="wattshift-exporter", MODE="0660"']


def names_unit(kind: str) -> Path:
    """One of the two units that show the exporter the names of containers."""
    return SYSTEMD.parent / "debian" / "examples" / f"wattshift-exporter-names.{kind}"


def test_the_unit_that_copies_names_is_valid_and_sealed(toolbox: Toolbox, tmp_path: Path) -> None:
    """The analyser knows every key of it and of its timer; root though it is, it is hardly exposed."""
    program = tmp_path / "usr" / "share" / "wattshift-exporter" / "proxmox-names"
    program.parent.mkdir(parents=True)
    shutil.copy(SYSTEMD.parent / "debian" / "proxmox-names", program)
    faults = [verify(toolbox, names_unit(kind), tmp_path) for kind in ("service", "timer")]
    done = run(
        toolbox.find("systemd-analyze"),
        "security",
        "--offline=yes",
        "--threshold=20",
        "--no-pager",
        names_unit("service"),
    )

    assert faults == ["", ""]
    assert done.returncode == 0, done.stdout


def test_energy_counters_are_opened_to_the_group_alone(tmp_path: Path) -> None:
    """The unit's own command, on a powercap tree: the group may read each counter, others may not, nobody may write."""
    zones = tmp_path / "sys" / "class" / "powercap"
    counters = [zones / zone / "energy_uj" for zone in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl-mmio:0")]
    for counter in counters:
        counter.parent.mkdir(parents=True)
        counter.write_text("1\n")
        counter.chmod(0o400)
    (zones / "intel-rapl").mkdir()  # the control type is no zone and has no counter
    prefix, _, command = service("wattshift-exporter.service")["ExecStartPre"].partition("/")
    group = grp.getgrgid(os.getgid()).gr_name
    here = f"/{command}".replace("$$", "$").replace("/sys/", f"{tmp_path}/sys/").replace("wattshift-exporter", group)
    done = run(*shlex.split(here))

    assert prefix == "-+", "as root, and without counters the exporter starts all the same"
    assert done.returncode == 0, done.stdout
    for counter in counters:
        assert stat.S_IMODE(counter.stat().st_mode) == 0o440
        assert counter.stat().st_gid == os.getgid()
