"""The machine's own BMC: the real ipmitool through its dummy interface, which is /dev/ipmi0 but for the last step."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from deploy.lab.ipmi.bmc import Bmc
from deploy.lab.ipmi.in_band import InBand
from exporter.readings import Reason, SourceError
from exporter.settings import Pace
from exporter.sources.dcmi import ACTIVE, AVERAGE_WATTS, MAX_WATTS, MIN_WATTS, PERIOD, WATTS, Dcmi
from tests.exporter.process import run
from tests.exporter.recordings import FIXTURES, write_program
from tests.exporter.test_dcmi_lan import Chassis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deploy.lab.ipmi.power_meter import MeterFault
    from deploy.lab.tools import Toolbox

RIGHT = {WATTS: 212.0, MIN_WATTS: 28.0, MAX_WATTS: 462.0, AVERAGE_WATTS: 182.0, PERIOD: 3600.0, ACTIVE: 1.0}
ANSWER_BYTES = 18  # DCMI 1.5, table 6-16, without the completion code


@pytest.fixture
def bmc() -> Bmc:
    """A BMC with some history."""
    made = Bmc(Chassis(), {})
    for watts, seconds in ((28.0, 1800.0), (462.0, 900.0), (212.0, 900.0)):
        made.meter.observe(watts, seconds)
    return made


@pytest.fixture
def environment(bmc: Bmc, tmp_path: Path, toolbox: Toolbox) -> Iterator[Mapping[str, str]]:
    """What leads the real ipmitool to that BMC."""
    path = tmp_path / "bmc"
    serving = InBand(bmc, path)
    yield {"PATH": f"{toolbox.find('ipmitool').parent}:{os.environ['PATH']}", "IPMI_DUMMY_SOCK": str(path)}
    serving.close()


def source(environment: Mapping[str, str], deadline: float = 60.0) -> Dcmi:
    """Return the source that asks it."""
    return Dcmi(Pace(10.0, deadline), None, environment, "dummy")


def test_the_figures_are_the_meters(environment: Mapping[str, str]) -> None:
    """What the meter holds is what the source gives, labelled as this machine's own."""
    sample = source(environment).read()

    assert {reading.labels for reading in sample.readings} == {("local",)}
    assert {reading.family: reading.value for reading in sample.readings} == RIGHT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("inactive", Reason.INACTIVE), ("zero", Reason.IMPLAUSIBLE), ("unknown", Reason.IMPLAUSIBLE)],
)
def test_a_meter_that_gives_no_power_says_why(
    bmc: Bmc, environment: Mapping[str, str], fault: MeterFault, reason: Reason
) -> None:
    """The BMC answered, but no watts come of it."""
    bmc.meter.fault = fault
    sample = source(environment).read()

    assert not sample.up
    assert [failure.reason for failure in sample.failures] == [reason]
    assert {reading.family for reading in sample.readings} == {ACTIVE}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(0xC0, Reason.BUSY), (0xC1, Reason.UNSUPPORTED), (0xD4, Reason.PERMISSION), ("wrong group", Reason.PARSE)],
)
def test_a_bmc_that_gives_nothing_says_why(
    bmc: Bmc, environment: Mapping[str, str], fault: MeterFault, reason: Reason
) -> None:
    """Completion codes and another command's answer have their reasons."""
    bmc.meter.fault = fault
    with pytest.raises(SourceError) as caught:
        source(environment).read()

    assert caught.value.reason is reason


def test_a_bmc_that_hangs_is_left_at_the_deadline(bmc: Bmc, environment: Mapping[str, str]) -> None:
    """A driver that never answers costs the deadline; the next read finds the BMC again."""
    bmc.meter.fault = "hang"
    with pytest.raises(SourceError, match="no answer in time") as caught:
        source(environment, deadline=0.2).read()
    assert caught.value.reason is Reason.TIMEOUT

    bmc.meter.fault = None
    assert source(environment).read().up


@pytest.mark.parametrize("accept_inactive", [False, True])
@pytest.mark.parametrize("length", range(ANSWER_BYTES))
def test_no_answer_that_was_cut_short_is_believed(
    bmc: Bmc, environment: Mapping[str, str], length: int, *, accept_inactive: bool
) -> None:
    """The tool fills up what is missing; whatever the length, no figure comes of it, nor is it said to be one."""
    bmc.meter.observe(462.0, 1.0)  # of which both bytes count
    bmc.meter.sends = length
    made = Dcmi(Pace(10.0, 60.0), None, environment, "dummy", accept_inactive=accept_inactive, wait=lambda *_: False)
    if length == 1:  # what it makes of it is 0 W
        sample = made.read()
        assert not sample.up
        assert {reading.family for reading in sample.readings} == {ACTIVE}
        return
    with pytest.raises(SourceError, match="answered another command" if length == 0 else "was cut short") as caught:
        made.read()
    assert caught.value.reason is Reason.PARSE


def test_the_program_takes_the_interface_by_its_flag(environment: Mapping[str, str], tmp_path: Path) -> None:
    """`read` shows the figure of the machine's own BMC, asked the way it was told."""
    real, path = shutil.which("ipmitool", path=environment["PATH"]), environment["IPMI_DUMMY_SOCK"]
    write_program(tmp_path, "ipmitool", f'IPMI_DUMMY_SOCK={shlex.quote(path)} exec {shlex.quote(str(real))} "$@"')
    done = run(
        f"{tmp_path}:{os.environ['PATH']}",
        [
            "read",
            "--dcmi.interface=dummy",
            f"--path.sysfs={FIXTURES / 'machines' / 'no-sensors' / 'sys'}",
            "--no-collector.powerstat",
        ],
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["node", "by", "dcmi", "212.00", "up"]
