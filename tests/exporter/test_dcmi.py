"""The DCMI source: what it asks, what it believes, and the real ipmitool where there is no BMC."""

from __future__ import annotations

import os
import shlex
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exporter.readings import Clock, Reason, SourceError
from exporter.settings import Bmc, Pace, Settings
from exporter.sources.dcmi import ACTIVE, AVERAGE_WATTS, MAX_WATTS, MIN_WATTS, PERIOD, WATTS, Dcmi, judge
from exporter.sources.dcmi_answer import PowerReading
from exporter.wiring import make_sources
from tests.exporter.recordings import play_inactive_ipmitool, play_ipmitool, write_program

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from exporter.readings import Sample

BMC = Bmc("bmc.example", 623, "admin", "hunter2", cipher_suite=17, privilege="OPERATOR")


def source(folder: Path, bmc: Bmc | None = None, deadline: float = 60.0) -> Dcmi:
    """Return the source with ``folder`` before the rest of PATH."""
    return Dcmi(Pace(10.0, deadline), bmc, {"PATH": f"{folder}:{os.environ['PATH']}"})


def figures(sample: Sample) -> dict[str, float]:
    """Return the figures by metric."""
    return {reading.family: reading.value for reading in sample.readings}


def reason(dcmi: Dcmi) -> Reason:
    """Return why a read gives nothing at all."""
    with pytest.raises(SourceError) as caught:
        dcmi.read()
    return caught.value.reason


def test_an_active_meter_gives_all_its_figures(tmp_path: Path) -> None:
    """The recording's figures, labelled with the target."""
    play_ipmitool(tmp_path, "active")
    sample = source(tmp_path).read()

    assert sample.up
    assert {reading.labels for reading in sample.readings} == {("local",)}
    assert figures(sample) == {
        WATTS: 212,
        MIN_WATTS: 28,
        MAX_WATTS: 462,
        AVERAGE_WATTS: 201,
        PERIOD: 3600,
        ACTIVE: 1,
    }


def test_an_inactive_meter_gives_no_watts(tmp_path: Path) -> None:
    """Its zeros are not power: absent, the reason "inactive", and the gauge that says so."""
    play_ipmitool(tmp_path, "deact")
    sample = source(tmp_path).read()

    assert not sample.up
    assert figures(sample) == {ACTIVE: 0}
    assert [failure.reason for failure in sample.failures] == [Reason.INACTIVE]


def inactive(folder: Path, change: str = "") -> Dcmi:
    """Return a source that believes a meter which measures and calls itself deactivated; ``change`` is sed's."""
    play_inactive_ipmitool(folder, change)
    return Dcmi(Pace(10.0, 60.0), None, {"PATH": f"{folder}:{os.environ['PATH']}"}, accept_inactive=True)


def test_the_watts_of_a_meter_that_calls_itself_inactive_are_not_believed_unasked(tmp_path: Path) -> None:
    """Absent, and the words tell the figure, so that a person can judge it."""
    inactive(tmp_path)
    sample = source(tmp_path).read()

    assert figures(sample) == {ACTIVE: 0}
    assert [(failure.reason, failure.detail) for failure in sample.failures] == [
        (Reason.INACTIVE, "the BMC says that its power meter is deactivated, and yet it shows 212 W")
    ]


def test_the_watts_of_a_meter_that_calls_itself_inactive_are_believed_when_asked(tmp_path: Path) -> None:
    """OpenBMC's real watts are published; that the meter calls itself inactive stays to be seen."""
    inactive(tmp_path)
    settings = Settings("pve2", collectors=frozenset({"dcmi"}), dcmi_accept_inactive=True)
    (made,) = make_sources(settings, Clock(), {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    sample = made.read()

    assert sample.up
    assert not sample.failures
    assert figures(sample) == {WATTS: 212, MIN_WATTS: 28, MAX_WATTS: 462, AVERAGE_WATTS: 201, PERIOD: 3600, ACTIVE: 0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("s/ 212 / 0 /", Reason.INACTIVE),
        ("s/ 212 / 65535 /", Reason.IMPLAUSIBLE),
        ("s/ 212 / 509 /", Reason.IMPLAUSIBLE),
    ],
)
def test_what_cannot_be_is_not_believed_of_an_inactive_meter_either(
    tmp_path: Path, change: str, expected: Reason
) -> None:
    """Zero is what a meter shows that does not measure; the rest as with any other."""
    sample = inactive(tmp_path, change).read()

    assert figures(sample) == {ACTIVE: 0}
    assert [failure.reason for failure in sample.failures] == [expected]


def test_zero_watts_of_a_running_machine_are_implausible(tmp_path: Path) -> None:
    """The machine that runs the exporter is on, so 0 W is a lie, whatever the meter says of itself."""
    play_ipmitool(tmp_path, "activezero")
    sample = source(tmp_path).read()

    assert not sample.up
    assert figures(sample) == {ACTIVE: 1}
    assert [failure.reason for failure in sample.failures] == [Reason.IMPLAUSIBLE]


@pytest.mark.parametrize("word", ["on", "off"])
def test_zero_watts_of_a_remote_machine_are_checked_with_its_chassis(tmp_path: Path, word: str) -> None:
    """A remote chassis that is off may draw 0 W; one that is on may not."""
    play_ipmitool(tmp_path / "recorded", "activezero")
    recorded = shlex.quote(str(tmp_path / "recorded" / "ipmitool"))
    write_program(
        tmp_path,
        "ipmitool",
        f'case "$*" in *"chassis power status") echo Chassis Power is {word};; *) exec {recorded};; esac',
    )
    sample = source(tmp_path, BMC).read()

    assert sample.up is (word == "off")
    assert figures(sample).get(WATTS) == (0.0 if word == "off" else None)


@pytest.mark.parametrize("watts", ["65535", "65536", "99999999999999999999"])
def test_more_than_sixteen_bits_hold_is_no_reading(tmp_path: Path, watts: str) -> None:
    """All bits set is IPMI's "no reading", and more cannot come from a BMC: absent, the reason "implausible"."""
    whole = play_ipmitool(tmp_path / "recorded", "active")
    write_program(tmp_path, "ipmitool", f"{whole} | sed 's/ 212 / {watts} /'")
    sample = source(tmp_path).read()

    assert WATTS not in figures(sample)
    assert [failure.reason for failure in sample.failures] == [Reason.IMPLAUSIBLE]


@pytest.mark.parametrize("garbage", ["s/ 28 / 1543 /", "s/ 462 / 7 /", "s/ 201 / 42176 /"])
def test_figures_that_contradict_each_other_are_implausible(tmp_path: Path, garbage: str) -> None:
    """Of an answer that was cut short, ipmitool prints leftovers: with those around it, the first is not believed."""
    whole = play_ipmitool(tmp_path / "recorded", "active")
    write_program(tmp_path, "ipmitool", f"{whole} | sed '{garbage}'")
    sample = source(tmp_path).read()

    assert figures(sample) == {ACTIVE: 1}
    assert [failure.reason for failure in sample.failures] == [Reason.IMPLAUSIBLE]


@pytest.mark.parametrize(("watts", "shown"), [("508", 508.0), ("509", None), ("60000", None)])
def test_power_far_above_the_highest_is_implausible(tmp_path: Path, watts: str, shown: float | None) -> None:
    """A BMC renews its figures at different moments, so a tenth above the maximum (462 W) may be; more may not."""
    whole = play_ipmitool(tmp_path / "recorded", "active")
    write_program(tmp_path, "ipmitool", f"{whole} | sed 's/ 212 / {watts} /'")
    sample = source(tmp_path).read()

    assert sample.up is (shown is not None)
    assert figures(sample).get(WATTS) == shown
    assert [failure.reason for failure in sample.failures] == ([Reason.IMPLAUSIBLE] if shown is None else [])


def judged(watts: int, period: int = 60, *, is_on: bool = True) -> dict[str, float]:
    """Return what is believed of a meter that had 100 W at least and 300 W at most."""
    reading = PowerReading({WATTS: watts, MIN_WATTS: 100, MAX_WATTS: 300, AVERAGE_WATTS: 200}, period, active=True)
    return figures(judge(reading, ("local",), lambda: is_on))


@pytest.mark.parametrize(("watts", "shown"), [(91, 91.0), (90, None), (330, 330.0), (331, None)])
def test_power_beyond_the_statistics_by_more_than_a_tenth_is_implausible(watts: int, shown: float | None) -> None:
    """Below the lowest as above the highest."""
    assert judged(watts).get(WATTS) == shown


def test_a_machine_that_went_off_draws_less_than_its_lowest() -> None:
    """The window began while it was on."""
    assert judged(0, is_on=False)[WATTS] == 0.0


@pytest.mark.parametrize(("period", "shown"), [(0, None), (1, 1.0), (4294967, 4294967.0), (4294968, None)])
def test_a_window_longer_than_32_bits_of_milliseconds_is_left_out(period: int, shown: float | None) -> None:
    """And so is none at all; the power stands without."""
    believed = judged(212, period)

    assert believed.get(PERIOD) == shown
    assert believed[WATTS] == 212


def test_without_a_maximum_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """A BMC that keeps no statistics still tells its power; figures above 16 bits are left out alone."""
    whole = play_ipmitool(tmp_path / "recorded", "active")
    write_program(tmp_path, "ipmitool", f"{whole} | sed 's/ 28 / 65536 /; s/ 201 / 70000 /; s/ 462 / 99999999 /'")

    assert figures(source(tmp_path).read()) == {WATTS: 212, PERIOD: 3600, ACTIVE: 1}


def test_a_lesser_figure_that_cannot_be_is_left_out_alone(tmp_path: Path) -> None:
    """A BMC that keeps no average still tells its power."""
    whole = play_ipmitool(tmp_path / "recorded", "active")
    write_program(tmp_path, "ipmitool", f"{whole} | sed 's/ 201 / 0 /; s/ 462 / 65535 /'")

    assert figures(source(tmp_path).read()) == {WATTS: 212, MIN_WATTS: 28, PERIOD: 3600, ACTIVE: 1}


def test_the_password_is_in_the_environment_and_not_on_the_command_line(tmp_path: Path) -> None:
    """Every user of a machine may read a command line; ipmitool's -E reads the environment, ours alone."""
    play_ipmitool(tmp_path / "recorded", "active")
    log = shlex.quote(str(tmp_path / "log"))
    recorded = shlex.quote(str(tmp_path / "recorded" / "ipmitool"))
    write_program(
        tmp_path, "ipmitool", f'echo "$IPMI_PASSWORD$IPMITOOL_PASSWORD$IPMI_KGKEY|$*" > {log}; exec {recorded}'
    )
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "IPMITOOL_PASSWORD": "swordfish", "IPMI_KGKEY": "key"}
    sample = Dcmi(Pace(10.0, 60.0), BMC, environment).read()

    assert (tmp_path / "log").read_text() == (
        "hunter2|-v -I lanplus -H bmc.example -p 623 -N 1 -R 2 -E -U admin -C 17 -L OPERATOR dcmi power reading\n"
    )
    assert {reading.labels for reading in sample.readings} == {("bmc.example",)}
    assert "hunter2" not in repr(BMC)


@pytest.mark.parametrize("first", ["ccc0", "empty"])
def test_a_bmc_that_is_busy_or_answers_nothing_is_asked_again(tmp_path: Path, first: str) -> None:
    """Both pass as a rule: the read that begins with them still gives its figures."""
    said = {"ccc0": "    DCMI request failed because: Node busy (c0)", "empty": ""}[first]
    recorded = shlex.quote(str(play_ipmitool(tmp_path / "recorded", "active")))
    before = shlex.quote(str(tmp_path / "before"))
    script = f"[ -e {before} ] && exec {recorded}; touch {before}; echo {shlex.quote(said)}; exit 1"
    write_program(tmp_path, "ipmitool", script)

    assert figures(source(tmp_path).read())[WATTS] == 212


def test_a_bmc_that_stays_busy_is_asked_three_times(tmp_path: Path) -> None:
    """Then the read ends with the BMC's own reason; the pause until the next one is the sampler's."""
    log = shlex.quote(str(tmp_path / "log"))
    write_program(
        tmp_path, "ipmitool", f"echo >> {log}; echo '    DCMI request failed because: Node busy (c0)'; exit 1"
    )

    assert reason(source(tmp_path)) is Reason.BUSY
    assert (tmp_path / "log").read_text() == "\n" * 3


def test_closing_ends_a_read_under_way(tmp_path: Path) -> None:
    """Killed by us, the tool says nothing: that is no nonsense of its own."""
    started = tmp_path / "started"
    os.mkfifo(started)
    write_program(tmp_path, "ipmitool", f"echo > {shlex.quote(str(started))}; exec sleep 600")
    dcmi = source(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(reason, dcmi)
        started.read_text()
        dcmi.close()

        assert read.result(60.0) is Reason.BUSY


def test_closing_ends_the_pause_before_a_busy_bmc_is_asked_again(tmp_path: Path) -> None:
    """The exporter's end waits for no BMC."""
    log = shlex.quote(str(tmp_path / "log"))
    write_program(
        tmp_path, "ipmitool", f"echo >> {log}; echo '    DCMI request failed because: Node busy (c0)'; exit 1"
    )

    def close_meanwhile(closing: threading.Event, _seconds: float) -> bool:
        dcmi.close()
        return closing.is_set()

    dcmi = Dcmi(Pace(10.0, 60.0), None, {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, wait=close_meanwhile)

    assert reason(dcmi) is Reason.BUSY
    assert (tmp_path / "log").read_text() == "\n"


def test_a_busy_bmc_is_not_asked_again_when_the_pause_would_outlast_the_deadline(tmp_path: Path) -> None:
    """What is left of the deadline is not slept away."""
    write_program(tmp_path, "ipmitool", "echo '    DCMI request failed because: Node busy (c0)'; exit 1")
    pauses: list[float] = []

    def note(_closing: threading.Event, seconds: float) -> bool:
        pauses.append(seconds)
        return False

    # The longest of the pauses is 0.75 s: within 0.5 s there is room for the shorter one at most.
    reason(Dcmi(Pace(10.0, 0.5), None, {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, wait=note))

    assert all(pause < 0.5 for pause in pauses)


def test_no_ipmitool_is_missing(tmp_path: Path) -> None:
    """Nothing is invented without the tool."""
    assert reason(Dcmi(Pace(10.0, 1.0), None, {"PATH": str(tmp_path)})) is Reason.MISSING


def test_a_hanging_ipmitool_is_a_timeout(tmp_path: Path) -> None:
    """A tool that never answers is given up at the deadline."""
    write_program(tmp_path, "ipmitool", "exec sleep 600")

    assert reason(source(tmp_path, deadline=0.05)) is Reason.TIMEOUT


def test_the_real_ipmitool_without_a_device(toolbox: Toolbox, tmp_path: Path) -> None:
    """On a machine with no BMC driver the real tool's words mean "missing"."""
    # The tool is told of a device number that no machine has, in place of the default one.
    real = shlex.quote(str(toolbox.find("ipmitool")))
    write_program(tmp_path, "ipmitool", f'exec {real} -d 250 "$@"')

    assert reason(source(tmp_path)) is Reason.MISSING


def test_the_real_ipmitool_against_silence(toolbox: Toolbox) -> None:
    """A UDP port that takes everything and answers nothing is a timeout at the deadline."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        bmc = Bmc("127.0.0.1", silent.getsockname()[1], "admin", "secret")

        assert reason(source(toolbox.find("ipmitool").parent, bmc, deadline=0.3)) is Reason.TIMEOUT


def test_the_real_ipmitool_against_a_closed_port(toolbox: Toolbox) -> None:
    """Where nothing listens, the real tool gives up by itself in words it shares with a refusal: still a timeout."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    bmc = Bmc("127.0.0.1", port, "admin", "secret")

    assert reason(source(toolbox.find("ipmitool").parent, bmc)) is Reason.TIMEOUT
