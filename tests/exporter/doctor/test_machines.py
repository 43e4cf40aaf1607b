"""Whole runs of the doctor on whole machines, as the real process gives them, against files that a person can read.

``UPDATE_GOLDEN=1 pytest tests/exporter/doctor/test_machines.py`` writes the files anew; look at their difference before
you commit it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.exporter.doctor.world import World
from tests.exporter.process import PROGRAM, run
from tests.exporter.recordings import FIXTURES, POWERSTAT_TWO_SOCKETS, play_ipmitool
from tests.exporter.terminal import terminal
from tests.exporter.test_child import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOFTDOG = "Software Watchdog\n"


def server(world: World) -> None:
    """Make a two-socket Proxmox server on which all is well."""
    world.processor()
    world.install(in_owners_group=True)
    for socket in (0, 1):
        world.zone(f"intel-rapl:{socket}", f"package-{socket}", 0o440)
        world.zone(f"intel-rapl:{socket}:0", "dram", 0o440)
    world.device("ipmi0", 0o660)
    play_ipmitool(world.tools, "active")
    lines = POWERSTAT_TWO_SOCKETS.read_text().splitlines()
    head = next(line for line in lines if line.split()[:1] == ["Time"])
    row = next(line for line in lines if line[:2].isdigit())
    rows = f'echo "{head}"; while echo "{row}"; do sleep 0.1; done'
    world.tool("powerstat", f'case "$*" in *-h*) echo "powerstat, version 0.04.05";; *) {rows};; esac')
    world.write("sysfs/class/hwmon/hwmon0/name", "amdgpu\n")
    world.write("sysfs/class/hwmon/hwmon0/power1_average", "8500000\n")
    bonded(world)
    world.ethtool("armed")
    proxmox(world)
    world.write("pve/local/config", "wakeonlan: 0a:00:00:00:00:01\n")


def laptop(world: World) -> None:
    """Make a laptop-class Proxmox node: no BMC, counters for root alone, Debian 12's powerstat, a card not armed."""
    world.processor()
    world.install()
    world.zone("intel-rapl:0", "package-0")
    world.zone("intel-rapl:0:0", "core")
    world.zone("intel-rapl:1", "psys")
    world.tool(
        "powerstat", 'case "$1" in -h) echo "powerstat, version 0.03.01";; *) echo no RAPL domains; exit 1;; esac'
    )
    world.net("enp1s0", card=True)
    world.bridge("vmbr0", "enp1s0")
    world.ethtool("off")
    proxmox(world)


def virtual(world: World) -> None:
    """Make a virtual machine with nothing."""
    world.processor(virtual=True)
    world.write("sysfs/class/dmi/id/sys_vendor", "QEMU\n")
    (world.root / "pve").rmdir()
    (world.root / "pve").mkdir()


def fresh(world: World) -> None:
    """Make a server as its installer left it: no driver loaded, no tool installed, named otherwise than in Proxmox."""
    world.processor("AuthenticAMD")
    world.write("sysfs/bus/acpi/devices/IPI0001:00/hid", "IPI0001\n")
    bonded(world)
    world.write("pve/nodes/amd1/lrm_status")
    (world.root / "pve/local").symlink_to("nodes/amd1")


def bonded(world: World) -> None:
    """Put a card behind a bridge, with a bond between."""
    world.net("eno1", card=True)
    world.net("bond0", "eno1")
    world.bridge("vmbr0", "bond0")


def proxmox(world: World) -> None:
    """Make it a Proxmox node with Proxmox's own watchdog and cgroup v2."""
    world.proxmox("pve2")
    world.device("watchdog")
    world.write("sysfs/class/watchdog/watchdog0/identity", SOFTDOG)
    world.write("sysfs/module/softdog/refcnt")
    world.write("sysfs/fs/cgroup/cgroup.controllers", "cpu\n")
    world.write("procfs/stat", "cpu  10 0 10 100 0 0 0 0 0 0\n")


def as_ourselves() -> list[str]:
    """Return what keeps the doctor from becoming the service's user: these machines look the same whoever tests."""
    return ["/usr/bin/setpriv", "--bounding-set=-setuid,-setgid"] if os.geteuid() == 0 else []


@pytest.mark.parametrize(("make", "status"), [(server, 0), (laptop, 0), (virtual, 1), (fresh, 1)])
def test_a_whole_machine(make: Callable[[World], None], status: int, tmp_path: Path) -> None:
    """Every finding and every command, and whether power can be measured at all."""
    world = World(tmp_path / "machine")
    make(world)
    with world.running():
        done = subprocess.run(
            [*as_ourselves(), PROGRAM, "doctor", *world.flags()],
            env={"PATH": str(world.tools)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    text = done.stdout.replace(str(world.root), "")
    golden = FIXTURES / "doctor" / f"{make.__name__}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)

    assert done.stderr == ""
    assert text == golden.read_text()
    assert done.returncode == status


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_is_given_colour_unless_it_wants_none(
    variables: dict[str, str], tmp_path: Path, *, coloured: bool
) -> None:
    """And a pipe never, which the files above show."""
    world = World(tmp_path / "machine")
    with terminal([str(PROGRAM), "doctor", *world.flags()], {"PATH": f"{world.tools}:/usr/bin", **variables}) as screen:
        assert screen.end() == 1

    assert "No source gives power" in screen.text
    assert ("\033[" in screen.text) is coloured


def test_it_ends_though_everything_hangs(tmp_path: Path) -> None:
    """Tools that never end, files that never open: each is told, and the program ends within its time."""
    world = World(tmp_path / "machine")
    world.net("eno1", card=True)
    world.device("ipmi0")
    for name in ("ipmitool", "powerstat", "ethtool"):
        world.tool(name, "exec sleep 600")
    world.zone("intel-rapl:0", "package-0")
    stuck = world.root / "sysfs/class/powercap/intel-rapl:0/energy_uj"
    stuck.unlink()
    os.mkfifo(stuck)
    world.proxmox("pve2")
    os.mkfifo(world.root / "pve/local/config")
    began = time.monotonic()
    done = run(str(world.tools), ["doctor", *world.flags()])

    # 15 s are promised; the rest is for a machine that is busy with other tests.
    assert time.monotonic() - began < 60
    assert done.returncode == 1
    assert "Wake-on-LAN\n  problem  no end after 12 s: what it looks at hangs" in done.stdout
    assert "the counters could not be read twice in time" in done.stdout or "no end after" in done.stdout
    assert "No source gives power: start with: " in done.stdout


def test_a_signal_ends_it_with_its_tools(tmp_path: Path) -> None:
    """Exit status 143, and nothing is left behind."""
    world = World(tmp_path / "machine")
    world.device("ipmi0")
    world.net("eno1", card=True)
    for name in ("ipmitool", "ethtool"):
        world.tool(
            name, f"echo $$ > {tmp_path}/{name}.new && mv {tmp_path}/{name}.new {tmp_path}/{name}.pid; exec sleep 600"
        )
    (world.tools / "mv").symlink_to(shutil.which("mv") or "mv")
    with subprocess.Popen(
        [PROGRAM, "doctor", *world.flags()], env={"PATH": str(world.tools)}, stdout=subprocess.PIPE, text=True
    ) as process:
        while len(list(tmp_path.glob("*.pid"))) < 2:  # a source's and a check's
            assert process.poll() is None
            time.sleep(0.01)  # there is no event to wait for in another process
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 128 + signal.SIGTERM
    for file in tmp_path.glob("*.pid"):
        wait_for_end(int(file.read_text()))
