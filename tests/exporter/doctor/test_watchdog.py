"""The watchdog that fences the node, and the BMC."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.doctor.finding import State
from exporter.doctor.watchdog import check, parse
from exporter.settings import Bmc, Pace
from tests.exporter.doctor.world import World

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = "# select watchdog module (default is softdog)\n#WATCHDOG_MODULE=ipmi_watchdog\n"  # as Proxmox ships it


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a Proxmox node with Proxmox's own watchdog."""
    made = World(tmp_path / "machine")
    made.proxmox("pve2")
    made.device("watchdog")
    made.write("etc/default/pve-ha-manager", DEFAULTS)
    made.write("sysfs/class/watchdog/watchdog0/identity", "Software Watchdog\n")
    made.write("sysfs/module/softdog/refcnt")
    return made


def use_bmc(world: World) -> None:
    """Let the BMC's watchdog be used."""
    world.write("etc/default/pve-ha-manager", 'WATCHDOG_MODULE="ipmi_watchdog"\n')
    world.write("sysfs/module/ipmi_watchdog/refcnt")


def test_softdog_is_none_of_our_business(world: World) -> None:
    """The default."""
    (finding,) = check(world.where())

    assert finding.state == State.OK
    assert finding.sentence.startswith("Software Watchdog")


def test_a_node_without_a_watchdog_cannot_be_fenced(world: World) -> None:
    """Its log tells why; it must not be told to restart the service, which could reset the node."""
    (world.root / "dev/watchdog").unlink()
    (finding,) = check(world.where())

    assert finding.state == State.PROBLEM
    assert finding.commands == ("journalctl -b -u watchdog-mux",)


def test_a_module_that_another_device_kept_out_is_told(world: World) -> None:
    """watchdog-mux loads it only where there is no /dev/watchdog yet."""
    world.write("etc/default/pve-ha-manager", "WATCHDOG_MODULE=iTCO-wdt\n")
    (finding,) = check(world.where())

    assert finding.state == State.WARNING
    assert "iTCO_wdt is configured but not loaded" in finding.sentence


def test_the_bmc_s_watchdog_and_the_usual_pace_go_together(world: World) -> None:
    """Asked every 10 s."""
    use_bmc(world)

    assert [finding.state for finding in check(world.where())] == [State.OK]


def test_a_bmc_that_feeds_the_watchdog_must_not_be_kept_busy(world: World) -> None:
    """Asked oftener than the watchdog's own timeout."""
    use_bmc(world)
    settings = replace(world.settings(), dcmi=Pace(9.9, 1.0))
    (finding,) = check(world.where(settings=settings))

    assert finding.state == State.WARNING
    assert "--dcmi.interval=10s" in finding.commands[0]


@pytest.mark.parametrize("change", [{"collectors": frozenset({"rapl"})}, {"bmc": Bmc("other", 623, None, "x")}])
def test_a_bmc_that_is_not_asked_cannot_be_kept_busy(world: World, change: dict[str, Any]) -> None:
    """Switched off, or asked over the network."""
    use_bmc(world)
    settings = replace(world.settings(), dcmi=Pace(2.0, 1.0), **change)

    assert [finding.state for finding in check(world.where(settings=settings))] == [State.OK]


def test_elsewhere_nothing_fences(tmp_path: Path) -> None:
    """Not a Proxmox node."""
    assert [finding.state for finding in check(World(tmp_path / "machine").where())] == [State.ABSENT]


@given(st.text())
def test_any_file_is_parsed(text: str) -> None:
    """A name that can be a module's, or none."""
    found = parse(text)

    assert found is None or found.replace("_", "").isalnum() or set(found) == {"_"}
