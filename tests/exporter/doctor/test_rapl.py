"""RAPL: present, which zones, and who may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.doctor.account import Account
from exporter.doctor.finding import Finding, State
from exporter.doctor.rapl import Facts, Zone, check, judge
from exporter.doctor.rights import Rights
from exporter.readings import Failure, Reason
from tests.exporter.doctor.world import World, state

RENEW = "systemctl restart wattshift-exporter"
LOAD = "modprobe intel_rapl_msr"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an empty machine."""
    return World(tmp_path / "machine")


def found(world: World, *failures: Failure) -> list[Finding]:
    """Return what the check says."""
    return check(world.where(state("rapl", failures=failures, up=not failures)))


def test_counters_that_can_be_read_ask_for_nothing(world: World) -> None:
    """The zones are named; root reads them."""
    world.zone("intel-rapl:0", "package-0")
    world.zone("intel-rapl:0:0", "dram")

    assert found(world) == [Finding(State.OK, "2 zones: intel-rapl:0 package-0, intel-rapl:0:0 dram")]


def test_what_is_odd_but_right_is_told(world: World) -> None:
    """A package counted twice, the platform's zone, dies: information, no fault."""
    world.zone("intel-rapl:0", "package-0-die-0")
    world.zone("intel-rapl:1", "package-0-die-1")
    world.zone("intel-rapl:2", "psys")
    world.zone("intel-rapl-mmio:0", "package-0-die-0")
    findings = found(world)

    assert {finding.state for finding in findings} == {State.OK}
    assert [finding.sentence.split(":")[0] for finding in findings[1:]] == [
        "intel-rapl-mmio",
        "psys covers the whole platform",
        "packages with several dies",
    ]


def test_without_the_driver_it_is_loaded_now_and_at_boot(world: World) -> None:
    """An Intel machine without a zone."""
    world.processor()
    (finding,) = found(world)

    assert finding.state == State.PROBLEM
    assert finding.commands == (LOAD, "echo intel_rapl_msr > /etc/modules-load.d/wattshift.conf", RENEW)


@pytest.mark.parametrize(
    ("vendor", "virtual", "driver", "words"),
    [
        ("GenuineIntel", True, False, "virtual machine"),
        ("GenuineIntel", False, True, "found no zone"),
        ("CentaurHauls", False, False, "CentaurHauls have no RAPL"),
    ],
)
def test_where_nothing_can_be_mended_no_command_is_given(
    world: World, vendor: str, words: str, *, virtual: bool, driver: bool
) -> None:
    """A virtual machine, a processor without counters, a driver that found none."""
    world.processor(vendor, virtual=virtual)
    if driver:
        world.write("sysfs/module/intel_rapl_msr/refcnt")
    (finding,) = found(world)

    assert (finding.state, finding.commands) == (State.ABSENT, ())
    assert words in finding.sentence


def test_the_hypervisor_is_named(world: World) -> None:
    """Proxmox's own guests say QEMU."""
    world.processor(virtual=True)
    world.write("sysfs/class/dmi/id/sys_vendor", "QEMU\n")
    (finding,) = found(world)

    assert "virtual machine (QEMU)" in finding.sentence


def test_the_service_s_user_must_be_able_to_read(world: World) -> None:
    """Root's 0400 is no use to the service, whatever the one who runs the doctor may."""
    world.install()
    world.zone("intel-rapl:0", "package-0")
    _, finding = found(world)

    assert finding.state == State.WARNING
    assert "energy_uj is root:root 0400" in finding.sentence
    assert finding.commands[0] == RENEW


def test_a_group_that_may_read_is_all_well(world: World) -> None:
    """What the unit sets before it starts."""
    world.install(in_owners_group=True)
    world.zone("intel-rapl:0", "package-0", mode=0o440)
    _, finding = found(world)

    assert finding.state == State.OK
    assert "root:wattshift-exporter 0440" in finding.sentence


def test_counters_open_to_everybody_are_told(world: World) -> None:
    """They leak what other programs compute."""
    world.zone("intel-rapl:0", "package-0", mode=0o444)
    _, finding = found(world)

    assert finding.state == State.WARNING
    assert finding.commands == ("chmod o-r /sys/class/powercap/*/energy_uj",)


def rights(*, ours: bool) -> Rights:
    """Return the rights of a counter of root's."""
    return Rights(Path("/energy_uj"), 0o400, 0, 0, "root:root", ours=ours)


@pytest.mark.parametrize(
    ("service", "command"), [(None, "su -c 'wattshift-exporter doctor'"), (Account(7, frozenset()), RENEW)]
)
def test_counters_closed_to_this_process_say_how_many(service: Account | None, command: str) -> None:
    """A user that is not root; some zones open, one not."""
    zones = (
        Zone("intel-rapl:0", "package-0", rights(ours=False)),
        Zone("intel-rapl:0:0", "core", rights(ours=True)),
        Zone("intel-rapl:0:1", "odd", None),
    )
    findings = judge(Facts(zones, driver=True, vendor="", hypervisor=None, service=service), state("rapl"))

    assert findings[1].state == State.PROBLEM
    assert findings[1].sentence.startswith("1 of 2 counters (energy_uj is root:root 0400)")
    assert findings[1].commands == (command,)


def test_zones_without_a_counter_are_told(world: World) -> None:
    """Folders alone measure nothing."""
    world.write("sysfs/class/powercap/intel-rapl:0/name", "package-0\n")

    assert [finding.state for finding in found(world)] == [State.OK, State.PROBLEM]


def test_what_the_read_itself_met_is_passed_on(world: World) -> None:
    """But no permission twice."""
    world.zone("intel-rapl:0", "package-0")
    findings = found(
        world, Failure(Reason.IMPLAUSIBLE, "its counter stood still"), Failure(Reason.PERMISSION, "only root")
    )

    assert [finding.sentence for finding in findings[1:]] == ["its counter stood still"]


def test_a_read_that_never_ended_is_told(world: World) -> None:
    """A driver that hangs."""
    world.zone("intel-rapl:0", "package-0")

    assert check(world.where(state("rapl", up=None)))[-1].state == State.PROBLEM


def test_switched_off_it_is_not_judged(world: World) -> None:
    """Whatever there is."""
    world.zone("intel-rapl:0", "package-0")

    assert [finding.state for finding in check(world.where())] == [State.ABSENT]
