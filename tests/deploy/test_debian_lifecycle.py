"""The package's whole life on Debian 12 and 13: upgraded, removed, purged, and installed where systemd does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from tests.deploy.machine import NO_SYSTEMD, booted
from tests.deploy.node import DEFAULTS, EACH_RELEASE, UNIT
from tests.deploy.source_tree import build, copy_tree, set_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.userland import Userlands
    from tests.deploy.machine import Machine

MODULES = "/usr/share/wattshift-exporter"
WANTED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
COUNTERS = "stat -L -c '%U %G %a' /sys/class/powercap/*/energy_uj"
# What a package manager, a journal and a machine that runs write anyway; and the user, who stays.
OTHERS = (
    "/var/log",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/lib/systemd/timers",
    "/var/cache",
    "/srv",
    "/tmp",  # noqa: S108 - only named
    "/var/tmp",  # noqa: S108 - only named
    *(f"/etc/{name}{mark}" for name in ("passwd", "group", "shadow", "gshadow") for mark in ("", "-")),
    "/etc/.pwd.lock",
)

by_release = pytest.mark.parametrize("release", EACH_RELEASE)


@pytest.fixture
def machine(release: str, userlands: Userlands, tmp_path: Path) -> Iterator[Machine]:
    """A release as it is, systemd running."""
    with booted(userlands.find(release), tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of an older version, which had a module that is gone since."""
    tree = copy_tree(tmp_path_factory.mktemp("older") / "tree")
    set_version(tree, "0.0.9")
    (tree / "exporter" / "retired.py").write_text('"""Gone since."""\n')
    return build(tree, tmp_path_factory.mktemp("older-package"))


def files(machine: Machine) -> set[str]:
    """Every file of the machine's disk, with owner, mode and where it leads if it is a link."""
    listing = machine.do("find", "/", "-xdev", "-printf", r"%p %u %g %m %l\n").splitlines()
    return {
        line
        for line in listing
        if not line.startswith(tuple(f"{other}/" for other in OTHERS))
        if line.split()[0] not in OTHERS
    }


def pid(machine: Machine) -> str:
    """The process id of the service, 0 when none runs."""
    return machine.property("MainPID")


@by_release
def test_upgrade_keeps_what_the_administrator_set(machine: Machine, older: Path, package: Path) -> None:
    """The new version runs with the old settings, and nothing of the old code is left, compiled or not."""
    machine.install(older)
    machine.path(DEFAULTS).write_text('ARGS="--node=pve7"\n')
    machine.do("systemctl", "restart", UNIT)
    machine.metrics_with('wattshift_exporter_build_info{node="pve7",pythonversion="3.')
    before = pid(machine)
    assert machine.path(f"{MODULES}/exporter/retired.py").exists()
    machine.install(package)
    scrape = machine.metrics_with('wattshift_exporter_build_info{node="pve7",')
    old_code = machine.do("find", MODULES, "-name", "retired*")

    assert f'version="{__version__}"' in scrape
    assert pid(machine) not in {before, "0"}
    assert old_code == ""
    assert machine.path(DEFAULTS).stat().st_mode & 0o777 == 0o600


@by_release
def test_upgrade_leaves_a_disabled_service_alone(machine: Machine, older: Path, package: Path) -> None:
    """Who disabled and stopped the service does not find it running the next day."""
    machine.install(older)
    machine.do("systemctl", "disable", "--now", UNIT)
    machine.install(package)

    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "disabled"
    assert pid(machine) == "0"


@by_release
def test_modules_are_compiled_once_for_all(machine: Machine, package: Path) -> None:
    """Root compiles each module when the package or another Python comes, since the service's user may not."""
    machine.install(package)
    sources = machine.do("find", MODULES, "-name", "*.py").splitlines()
    compiled = machine.do("find", MODULES, "-name", "*.pyc").splitlines()
    machine.do("find", MODULES, "-name", "*.pyc", "-delete")
    machine.do("/usr/share/python3/runtime.d/wattshift-exporter.rtupdate", "rtupdate", "python3.10", "python3.11")
    anew = machine.do("find", MODULES, "-name", "*.pyc").splitlines()

    assert len(compiled) == len(sources) > 1
    assert sorted(anew) == sorted(compiled)


@by_release
def test_removal_stops_the_service_and_keeps_the_settings(machine: Machine, package: Path) -> None:
    """The process and the program are gone, the counters are root's alone again, and the settings wait.

    So also for a user who was there before, in another group.
    """
    machine.do("useradd", "--system", "--gid=nogroup", "wattshift-exporter")
    machine.install(package)
    machine.metrics_with("wattshift_rapl_watts")
    process = pid(machine)
    machine.do("apt-get", "-y", "remove", "wattshift-exporter")

    assert not machine.path(f"/proc/{process}").exists()
    assert machine.run("wattshift-exporter", "--version").returncode == 127
    assert machine.do("sh", "-c", COUNTERS).splitlines() == ["root root 400"] * 3
    assert machine.path(DEFAULTS).exists()
    assert not machine.path(MODULES).exists()


@by_release
@pytest.mark.parametrize("steps", [("remove", "purge"), ("purge",)], ids="+".join)
def test_purge_leaves_nothing(machine: Machine, package: Path, steps: tuple[str, ...]) -> None:
    """The disk is as it was before, but for the user, whose number is not to go to another.

    Nor does systemd remember a service that had failed.
    """
    before = files(machine)
    machine.install(package)
    between = files(machine)
    machine.path(DEFAULTS).write_text('ARGS="--max-age=1s"\n')
    machine.run("systemctl", "restart", UNIT)
    machine.await_failure()
    for step in steps:
        machine.do("apt-get", "-y", step, "wattshift-exporter")

    assert len(between - before) > 20
    assert files(machine) == before
    assert machine.run("systemctl", "cat", UNIT).returncode != 0
    assert machine.run("systemctl", "list-units", "--failed", "--no-legend").stdout == ""


@by_release
def test_package_is_installed_where_systemd_does_not_run(
    release: str, userlands: Userlands, package: Path, tmp_path: Path
) -> None:
    """As in an installer's folder: nothing is started, the next boot will start it, and purge leaves nothing.

    Where udev does run, it is told of the rules, for a BMC's device that is there already.
    """
    with booted(userlands.find(release), tmp_path, NO_SYSTEMD) as machine:
        machine.path("/usr/bin/udevadm").write_text('#!/bin/sh\necho "$*" >> /srv/udevadm\n')
        machine.do("install", "-D", "/dev/null", "/run/udev/control")  # udev would listen here
        before = files(machine)
        machine.install(package)
        told = machine.path("/srv/udevadm").read_text()
        link = machine.path(WANTED).readlink().name
        status = machine.run(
            "setpriv", "--reuid=wattshift-exporter", "--clear-groups", "wattshift-exporter", "--version"
        )
        machine.do("apt-get", "-y", "purge", "wattshift-exporter")
        after = files(machine)

    assert told == "control --reload\ntrigger --subsystem-match=ipmi\n"
    assert link == UNIT
    assert status.stdout == f"wattshift-exporter {__version__}\n"
    assert after == before


@pytest.mark.xdist_group("debian-trixie")
@pytest.mark.timeout(600)
def test_udev_knows_every_word_of_the_rules(userlands: Userlands, package: Path, tmp_path: Path) -> None:
    """Debian 13's udevadm, the first that can verify, accepts both, once the package made the group they name."""
    rule = "/usr/lib/udev/rules.d/60-wattshift-exporter.rules"
    counters = "/usr/lib/udev/rules.d/60-wattshift-exporter-powercap.rules"
    with booted(userlands.find("trixie"), tmp_path, NO_SYSTEMD) as machine:
        machine.install(package)
        accepted = machine.run("udevadm", "verify", rule, counters)
        machine.path(rule).write_text(machine.path(rule).read_text().replace("GROUP=", "GRUPPE="))
        refused = machine.run("udevadm", "verify", rule)

    assert accepted.returncode == 0, accepted.stdout
    assert refused.returncode != 0
