"""The DCMI source, the real ipmitool and a BMC that speaks RMCP+ over UDP: the whole way."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.lab.ipmi.bmc import Bmc as LabBmc
from exporter.readings import Reason, SourceError
from exporter.settings import Bmc, Pace
from exporter.sources.dcmi import ACTIVE, AVERAGE_WATTS, MAX_WATTS, MIN_WATTS, PERIOD, WATTS, Dcmi
from tests.exporter.process import run
from tests.exporter.recordings import FIXTURES, write_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.ipmi.power_meter import MeterFault
    from deploy.lab.tools import Toolbox

PORT = 6230
PASSWORD = "correct horse"


class Chassis:
    """A machine that is on or off."""

    def __init__(self) -> None:
        self.on = True

    def is_on(self) -> bool:
        """Tell whether it is on."""
        return self.on

    def power_on(self) -> None:
        """Nobody presses the button here."""

    def power_off(self) -> None:
        """Nobody presses the button here."""

    def now(self) -> float:
        """Return some time."""
        return 1_755_849_999.0


class Site:
    """A BMC that listens on a loopback address of its own, and the way to it."""

    def __init__(self) -> None:
        self.chassis = Chassis()
        self.lab = LabBmc(self.chassis, {"admin": PASSWORD})
        self.lab.meter.observe(28.0, 1800.0)
        self.lab.meter.observe(462.0, 900.0)
        self.lab.meter.observe(212.0, 900.0)
        numbers = random.SystemRandom()
        host = f"127.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}"
        self.bmc = Bmc(host, PORT, "admin", PASSWORD)
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self.lab.listen(host, PORT))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self.lab.close()
        self._loop.run_until_complete(asyncio.sleep(0))  # lets the transport close its socket
        self._loop.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """A BMC of a machine that is on, its meter active."""
    running = Site()
    yield running
    running.close()


@pytest.fixture
def path(toolbox: Toolbox) -> str:
    """A PATH with the real ipmitool."""
    return f"{toolbox.find('ipmitool').parent}:{os.environ['PATH']}"


def source(bmc: Bmc, path: str, deadline: float = 60.0) -> Dcmi:
    """Return the source that asks this BMC."""
    return Dcmi(Pace(10.0, deadline), bmc, {"PATH": path})


def test_the_figures_come_over_the_network(site: Site, path: str) -> None:
    """What the meter holds is what the source gives, labelled with the BMC."""
    sample = source(site.bmc, path).read()

    assert {reading.labels for reading in sample.readings} == {(site.bmc.host,)}
    assert {reading.family: reading.value for reading in sample.readings} == {
        WATTS: 212.0,
        MIN_WATTS: 28.0,
        MAX_WATTS: 462.0,
        AVERAGE_WATTS: 182.0,
        PERIOD: 3600.0,
        ACTIVE: 1.0,
    }


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("inactive", Reason.INACTIVE),
        ("zero", Reason.IMPLAUSIBLE),
        ("unknown", Reason.IMPLAUSIBLE),
    ],
)
def test_a_meter_that_gives_no_power_says_why(site: Site, path: str, fault: MeterFault, reason: Reason) -> None:
    """The BMC answered, but no watts come of it."""
    site.lab.meter.fault = fault
    sample = source(site.bmc, path).read()

    assert not sample.up
    assert [failure.reason for failure in sample.failures] == [reason]
    assert {reading.family for reading in sample.readings} == {ACTIVE}


@pytest.mark.parametrize("accept_inactive", [False, True])
@pytest.mark.parametrize("length", range(1, 18))
def test_no_answer_that_was_cut_short_is_believed(site: Site, path: str, length: int, *, accept_inactive: bool) -> None:
    """Its buffer holds pieces of the session's other answers, which ipmitool prints in place of what is missing."""
    site.lab.meter.observe(462.0, 1.0)  # of which both bytes count
    site.lab.meter.sends = length
    made = Dcmi(Pace(10.0, 60.0), site.bmc, {"PATH": path}, accept_inactive=accept_inactive, wait=lambda *_: False)
    shown, reasons = answer(made)

    assert shown <= {ACTIVE}
    assert reasons
    assert reasons <= {Reason.PARSE, Reason.INACTIVE, Reason.IMPLAUSIBLE}


def answer(made: Dcmi) -> tuple[set[str], set[Reason]]:
    """Return what one read shows, and why not more."""
    try:
        sample = made.read()
    except SourceError as error:
        return set(), {error.reason}
    return {reading.family for reading in sample.readings}, {failure.reason for failure in sample.failures}


@pytest.mark.parametrize("accept_inactive", [False, True])
def test_a_whole_answer_of_an_inactive_meter_is_one(site: Site, path: str, *, accept_inactive: bool) -> None:
    """OpenBMC measures and says that it does not: its figure is believed when asked for, and told otherwise."""
    site.lab.meter.fault = "deactivated"
    made = Dcmi(Pace(10.0, 60.0), site.bmc, {"PATH": path}, accept_inactive=accept_inactive)
    sample = made.read()

    assert sample.up is accept_inactive
    told = [failure.detail for failure in sample.failures]
    assert told == (
        [] if accept_inactive else ["the BMC says that its power meter is deactivated, and yet it shows 212 W"]
    )


def test_a_chassis_that_does_not_tell_is_taken_for_on(site: Site, path: str, tmp_path: Path) -> None:
    """0 W are true only of a machine that is said to be off: no answer to that question is not such a word."""
    site.lab.meter.fault = "zero"
    site.chassis.on = False
    real = shutil.which("ipmitool", path=path)
    write_program(tmp_path, "ipmitool", f'case "$*" in *chassis*) exit 1;; esac; exec "{real}" "$@"')
    sample = source(site.bmc, f"{tmp_path}:{path}").read()

    assert not sample.up
    assert [failure.reason for failure in sample.failures] == [Reason.IMPLAUSIBLE]


def test_zero_watts_of_a_chassis_that_is_off_are_true(site: Site, path: str) -> None:
    """The BMC is asked for its chassis, and believed."""
    site.lab.meter.fault = "zero"
    site.chassis.on = False
    sample = source(site.bmc, path).read()

    assert sample.up
    assert {reading.family: reading.value for reading in sample.readings} == {WATTS: 0.0, PERIOD: 3600.0, ACTIVE: 1.0}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (0xC0, Reason.BUSY),
        (0xC1, Reason.UNSUPPORTED),
        (0xD4, Reason.PERMISSION),
        ("wrong group", Reason.PARSE),
        ("hang", Reason.TIMEOUT),
        ("dead", Reason.TIMEOUT),
    ],
)
def test_a_bmc_that_gives_nothing_says_why(site: Site, path: str, fault: MeterFault, reason: Reason) -> None:
    """Completion codes, another command's answer, silence: each has its reason."""
    site.lab.meter.fault = fault
    with pytest.raises(SourceError) as caught:
        source(site.bmc, path).read()

    assert caught.value.reason is reason


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"user": "nobody"}])
def test_a_refused_session_is_auth(site: Site, path: str, change: dict[str, str]) -> None:
    """A wrong password or user is told apart from a BMC that does not answer, and neither is repeated to anybody."""
    with pytest.raises(SourceError) as caught:
        source(replace(site.bmc, **change), path).read()  # type: ignore[arg-type]  # mypy sees one type for all fields

    assert caught.value.reason is Reason.AUTH
    assert PASSWORD not in str(caught.value)


def test_a_bmc_that_hangs_is_left_at_the_deadline(site: Site, path: str) -> None:
    """However patient ipmitool is, the deadline is ours; the next read finds the BMC again."""
    site.lab.meter.fault = "hang"
    with pytest.raises(SourceError, match="no answer in time") as caught:
        source(site.bmc, path, deadline=0.2).read()
    assert caught.value.reason is Reason.TIMEOUT

    site.lab.meter.fault = None
    assert source(site.bmc, path).read().up


def test_the_program_takes_the_bmc_by_its_flags(site: Site, path: str, tmp_path: Path) -> None:
    """`read` with host, port, user and password file shows the BMC's figure as the node's."""
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    done = run(
        path,
        [
            "read",
            f"--dcmi.host={site.bmc.host}",
            f"--dcmi.port={PORT}",
            "--dcmi.user=admin",
            f"--dcmi.password-file={secret}",
            f"--path.sysfs={FIXTURES / 'machines' / 'no-sensors' / 'sys'}",
            "--no-collector.powerstat",
        ],
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["node", "by", "dcmi", "212.00", "up"]
