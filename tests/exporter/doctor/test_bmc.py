"""The BMC: its device, its drivers, and what it answers to the service's own question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.doctor.bmc import check
from exporter.doctor.finding import Finding, State
from exporter.readings import Failure, Reading, Reason
from exporter.settings import Bmc
from exporter.sources import dcmi, dcmi_answer
from tests.exporter.doctor.world import World, state

if TYPE_CHECKING:
    from pathlib import Path

OFF = (
    "editor /etc/default/wattshift-exporter  # add --no-collector.dcmi to ARGS",
    "systemctl restart wattshift-exporter",
)
UP = state("dcmi", [Reading(dcmi.WATTS, ("local",), 212.0)])


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a machine with ipmitool."""
    made = World(tmp_path / "machine")
    made.tool("ipmitool", "echo ipmitool version 1.8.19")
    return made


def down(reason: Reason, detail: str = "why") -> list[Failure]:
    """Return a failure."""
    return [Failure(reason, detail)]


def test_a_bmc_that_measures_is_all_well(world: World) -> None:
    """The device and the figure."""
    world.device("ipmi0")

    assert [finding.state for finding in check(world.where(UP))] == [State.OK] * 2
    assert check(world.where(UP))[1].sentence == "the BMC measures power: 212 W"


@pytest.mark.parametrize("name", ["ipmi/0", "ipmidev/0"])
def test_the_device_may_have_its_other_names(world: World, name: str) -> None:
    """Those ipmitool looks for."""
    world.device(name)

    assert f"/dev/{name} (root:root 0600) is there" in check(world.where(UP))[0].sentence


@pytest.mark.parametrize(
    "sign", ["firmware/dmi/entries/38-0/raw", "bus/acpi/devices/IPI0001:00/hid", "module/ipmi_si/refcnt"]
)
def test_a_bmc_without_a_device_lacks_its_driver(world: World, sign: str) -> None:
    """SMBIOS, ACPI, or a driver alone tell that there is one."""
    world.write(f"sysfs/{sign}")
    (finding,) = check(world.where(state("dcmi", up=False)))

    assert finding.state == State.PROBLEM
    assert finding.commands[0] == "modprobe -a ipmi_si ipmi_devintf"


def test_a_machine_without_a_bmc_has_none(world: World) -> None:
    """The collector may be switched off, which is no mend."""
    (finding,) = check(world.where(state("dcmi", up=False)))

    assert (finding.state, finding.commands) == (State.ABSENT, OFF)


def test_a_virtual_machine_has_none(world: World) -> None:
    """Whatever its firmware says."""
    world.processor(virtual=True)
    world.write("sysfs/firmware/dmi/entries/38-0/raw")
    (finding,) = check(world.where(state("dcmi", up=False)))

    assert finding.state == State.ABSENT


def test_the_service_s_user_must_be_able_to_use_the_device(world: World) -> None:
    """The udev rule is applied anew."""
    world.install()
    world.device("ipmi0")
    finding = check(world.where(UP))[0]

    assert finding.state == State.WARNING
    assert finding.commands == ("udevadm control --reload", "udevadm trigger --subsystem-match=ipmi")


def test_without_ipmitool_it_is_asked_for(world: World) -> None:
    """Where there is a BMC to ask."""
    (world.tools / "ipmitool").unlink()
    world.device("ipmi0")

    assert check(world.where(state("dcmi", up=False)))[1].commands == ("apt install ipmitool",)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.UNSUPPORTED, OFF),
        (Reason.TIMEOUT, ("ipmitool mc reset cold  # restarts the BMC, not the node",)),
        (Reason.PERMISSION, ()),
        (Reason.PARSE, ()),
    ],
)
def test_each_reason_has_its_advice(world: World, reason: Reason, expected: tuple[str, ...]) -> None:
    """The source's own sentence, and the command that fits it."""
    world.device("ipmi0")

    assert check(world.where(state("dcmi", failures=down(reason), up=False)))[1:] == [
        Finding(State.PROBLEM, "the BMC: why", expected)
    ]


def test_an_inactive_meter_is_never_activated_by_a_power_limit(world: World) -> None:
    """``dcmi power activate`` would start to enforce a limit: it must not be advised."""
    world.device("ipmi0")
    finding = check(world.where(state("dcmi", failures=down(Reason.INACTIVE), up=False)))[1]

    assert finding.state == State.PROBLEM
    assert not any("activate" in command for command in finding.commands)


def test_an_inactive_meter_that_shows_watts_has_its_flag(world: World) -> None:
    """The words of the source itself are what it is recognised by."""
    world.device("ipmi0")
    reading = dcmi_answer.PowerReading(
        dict.fromkeys((dcmi.WATTS, dcmi.MIN_WATTS, dcmi.MAX_WATTS, dcmi.AVERAGE_WATTS), 212), 60, active=False
    )
    sample = dcmi.judge(reading, ("local",), lambda: True)
    finding = check(world.where(state("dcmi", failures=list(sample.failures), up=False)))[1]

    assert "212 W" in finding.sentence
    assert "--dcmi.accept-inactive" in finding.commands[1]
    assert not any(OFF[0] in command for command in finding.commands)


LIMIT = "Set Session Privilege Level to OPERATOR failed: Requested privilege level exceeds limit"


@pytest.mark.parametrize(
    ("asked", "detail", "expected"),
    [
        (None, LIMIT, "add --dcmi.privilege=OPERATOR to ARGS"),
        ("OPERATOR", LIMIT, "add --dcmi.privilege=USER to ARGS"),
        ("USER", LIMIT, "a user with a higher privilege"),
        ("USER", "(d4)", "add --dcmi.privilege=OPERATOR to ARGS"),
        ("OPERATOR", "(d4)", "add --dcmi.privilege=ADMINISTRATOR to ARGS"),
        (None, "(d4)", "a user with a higher privilege"),
    ],
)
def test_a_remote_bmc_is_asked_for_less_or_more(world: World, asked: str | None, detail: str, expected: str) -> None:
    """It needs no device. ipmitool asks for ADMINISTRATOR by itself: no flag can raise that."""
    settings = replace(world.settings(), bmc=Bmc("bmc2", 623, "admin", "secret", privilege=asked))
    failures = down(Reason.PERMISSION, detail)
    (finding,) = check(world.where(state("dcmi", failures=failures, up=False), settings=settings))

    assert finding.sentence == f"the BMC at bmc2: {detail}"
    assert expected in finding.commands[0]


def test_a_wrong_password_is_set_anew(world: World) -> None:
    """In the service's own file."""
    settings = replace(world.settings(), bmc=Bmc("bmc2", 623, "admin", "secret"))
    (finding,) = check(world.where(state("dcmi", failures=down(Reason.AUTH), up=False), settings=settings))

    assert finding.commands[0].startswith("editor /etc/default/wattshift-exporter  # set IPMI_PASSWORD")


def test_a_device_that_came_after_the_service_is_opened_by_a_new_start(world: World) -> None:
    """The unit's device rule is resolved when it starts: loading the driver alone does not do."""
    world.device("ipmi0")
    failures = down(Reason.PERMISSION, "Could not open device at /dev/ipmi0: Operation not permitted")
    refused = check(world.where(state("dcmi", failures=failures, up=False)))[1]
    (world.root / "dev/ipmi0").unlink()
    world.write("sysfs/module/ipmi_si/refcnt")
    (unloaded,) = check(world.where(state("dcmi", up=False)))

    assert refused.commands == unloaded.commands[-1:] == ("systemctl restart wattshift-exporter",)


def test_a_bmc_that_fences_the_node_is_not_reset(world: World) -> None:
    """It feeds on the BMC's attention: a reset BMC resets the node, or forgets to."""
    world.device("ipmi0")
    world.write("sysfs/module/ipmi_watchdog/refcnt")
    (command,) = check(world.where(state("dcmi", failures=down(Reason.TIMEOUT), up=False)))[1].commands

    assert not command.startswith("ipmitool")
    assert "ipmi_watchdog" in command


def test_another_way_to_the_bmc_needs_no_device(world: World) -> None:
    """Only ipmitool's interface "open" goes through /dev/ipmi0."""
    settings = replace(world.settings(), dcmi_interface="dummy")

    assert [finding.state for finding in check(world.where(UP, settings=settings))] == [State.OK]


def test_a_bmc_that_has_not_answered_yet_is_told(world: World) -> None:
    """Neither up nor down."""
    world.device("ipmi0")

    assert "no answer in time" in check(world.where(state("dcmi", up=None)))[1].sentence


def test_switched_off_it_is_not_judged(world: World) -> None:
    """Whatever there is."""
    world.device("ipmi0")

    assert [finding.state for finding in check(world.where())] == [State.ABSENT]
