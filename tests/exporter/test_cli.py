"""The program from outside: serve, read, stop."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.readings import Failure, Reason
from exporter.settings import NODE_SOURCES
from exporter.sources import dcmi, rapl
from exporter.table import has_power, render
from tests.exporter.process import PROGRAM, run, serving
from tests.exporter.recordings import FIXTURES, POWERSTAT_TWO_SOCKETS, play_ipmitool, play_powerstat
from tests.exporter.test_child import wait_for_end
from tests.exporter.worlds import snapshot, write_chip, write_zone

if TYPE_CHECKING:
    from pathlib import Path

NO_SENSORS = FIXTURES / "machines" / "no-sensors" / "sys"


def test_read_without_any_sensor_says_why_and_fails(tmp_path: Path) -> None:
    """On a machine that can measure nothing: a reason for each source, no figure, exit status 1."""
    done = run(str(tmp_path), ["read", "--path.sysfs", str(NO_SENSORS), "--no-collector.guests"])

    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["SOURCE", "WHAT", "WATTS", "STATE"]
    assert [line.split()[:4] for line in lines[1:5]] == [
        ["rapl", "-", "-", "missing:"],
        ["dcmi", "-", "-", "missing:"],
        ["hwmon", "-", "-", "missing:"],
        ["powerstat", "-", "-", "missing:"],
    ]
    assert lines[5].split()[:3] == ["node", "-", "-"]


def test_read_takes_an_acpi_meter_for_the_node_and_a_card_for_a_card(tmp_path: Path) -> None:
    """A home server without BMC and RAPL still has a figure, with the source that its threshold has to name."""
    sysfs = tmp_path / "sys"
    write_chip(sysfs, 0, "amdgpu", "pci0000:00/0000:03:00.0", power1_label="PPT", power1_input=300_000_000)
    write_chip(sysfs, 1, "power_meter", "ACPI000D:00", power1_average=205_000_000)
    done = run(str(tmp_path), ["read", "--path.sysfs", str(sysfs), "--no-collector.guests"])
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]

    assert (done.returncode, done.stderr) == (0, "")
    assert "hwmon amdgpu/0000:03:00.0 PPT 300.00 up" in lines
    assert "hwmon power_meter/ACPI000D:00 machine average 205.00 up" in lines
    assert lines[-1] == "node by acpi 205.00 up"


def test_read_takes_two_samples_so_that_energy_becomes_power(tmp_path: Path) -> None:
    """A counter that grows while it is read gives watts; exit status 0."""
    sysfs = tmp_path / "sys"
    zone = write_zone(sysfs, "intel-rapl:0", "package-0", 1_000_000)
    stop = threading.Event()

    def burn() -> None:
        joules = 1
        while not stop.wait(0.01):
            joules += 1
            (zone / "energy_uj.new").write_text(f"{joules * 1_000_000}\n")
            (zone / "energy_uj.new").rename(zone / "energy_uj")

    burning = threading.Thread(target=burn)
    burning.start()
    try:
        done = run(str(tmp_path), ["read", "--path.sysfs", str(sysfs)])
    finally:
        stop.set()
        burning.join()

    assert done.returncode == 0, done.stdout
    words = [line.split() for line in done.stdout.splitlines()]
    assert words[1][:3] == ["rapl", "0", "package"]
    assert words[1][4] == "up"
    assert float(words[1][3]) > 0
    assert words[-1] == ["node", "by", "rapl", words[1][3], "up"]


def test_the_table_shows_every_figure_and_every_reason() -> None:
    """Which of the BMC's figures a row is, what failed beside it, and what stands for the node."""
    shown = snapshot(
        [
            (dcmi.WATTS, ("local",), 212.0),
            (dcmi.MIN_WATTS, ("local",), 28.0),
            (dcmi.PERIOD, ("local",), 3600.0),
            (rapl.WATTS, ("0", "1", "package"), 40.125),
        ],
        [("rapl", Failure(Reason.PERMISSION, "no right", ("0", "1", "dram")))],
    )
    words = [line.split() for line in render(shown, NODE_SOURCES).splitlines()[1:]]

    assert words == [
        ["dcmi", "local", "212.00", "up"],
        ["dcmi", "local", "min", "28.00", "up"],
        ["rapl", "0", "1", "package", "40.12", "up"],
        ["rapl", "0", "1", "dram", "-", "permission:", "no", "right"],
        ["node", "by", "dcmi", "212.00", "up"],
    ]
    assert has_power(shown, ())
    assert not has_power(snapshot(), NODE_SOURCES)


def test_a_core_that_rests_measures_no_power() -> None:
    """Its counter may stand still, which is a figure of 0 W, but nobody can act on that."""
    assert not has_power(snapshot([(rapl.WATTS, ("0", "", "core"), 0.0)]), NODE_SOURCES)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_its_children(tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 0, and the powerstat it kept is gone."""
    play_powerstat(tmp_path, POWERSTAT_TWO_SOCKETS, tmp_path / "pid")
    with serving(f"{tmp_path}:/usr/bin:/bin", "--path.sysfs", str(NO_SENSORS)) as exporter:
        exporter.metrics_when(lambda text: "wattshift_powerstat_watts{" in text)
        pid = int((tmp_path / "pid").read_text())
        assert exporter.stop(number) == 0
        wait_for_end(pid)

    assert exporter.log[-1].endswith("INFO stopped\n")


def test_killed_outright_it_leaves_no_child_behind(tmp_path: Path) -> None:
    """Nobody can clean up after SIGKILL, so the child itself ends at its next line: the pipe is broken."""
    tool = play_powerstat(tmp_path, POWERSTAT_TWO_SOCKETS, tmp_path / "pid")
    tool.write_text(tool.read_text().replace("exec sleep 600", "while echo; do sleep 0.01; done"))
    with serving(f"{tmp_path}:/usr/bin:/bin", "--path.sysfs", str(NO_SENSORS)) as exporter:
        exporter.metrics_when(lambda text: "wattshift_powerstat_watts{" in text)
        assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        wait_for_end(int((tmp_path / "pid").read_text()))


def test_a_change_of_health_is_logged_once(tmp_path: Path) -> None:
    """Why each source is down is said at the start, once, however often it is tried."""
    tried_again = 'reason="missing",source="{}"}} [2-9]'
    with serving(str(tmp_path), "--path.sysfs", str(NO_SENSORS), "--rapl.interval=10ms") as exporter:
        exporter.metrics_when(
            lambda text: all(re.search(tried_again.format(name), text) for name in ("rapl", "powerstat"))
        )
        exporter.stop()

    for name in ("rapl", "dcmi", "powerstat"):
        assert len([line for line in exporter.log if f"source {name}: down: missing" in line]) == 1


def test_a_hanging_bmc_does_not_hold_up_a_scrape(tmp_path: Path) -> None:
    """The scrape answers while ipmitool hangs, and there is one ipmitool and no more."""
    calls = tmp_path / "calls"
    (play_ipmitool(tmp_path, "active")).write_text(f"#!/bin/sh\necho x >> {calls}\nexec sleep 600\n")
    flags = [
        "--path.sysfs",
        str(NO_SENSORS),
        "--dcmi.deadline=600s",
        "--dcmi.interval=10ms",
        "--max-age=601s",
        "--no-collector.powerstat",
    ]
    with serving(f"{tmp_path}:/usr/bin:/bin", *flags) as exporter:
        exporter.metrics_when(lambda _: calls.exists())
        for _ in range(5):
            assert 'source="dcmi"' in exporter.metrics()
        assert exporter.stop() == 0

    assert calls.read_text() == "x\n"


def test_an_address_in_use_is_one_sentence(tmp_path: Path) -> None:
    """No stack, exit status 1, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(str(tmp_path), ["serve", f"--web.listen-address={address}"])

    assert done.returncode == 1
    assert f"cannot listen on {address}: Address already in use: free it" in done.stderr
    assert "--web.listen-address" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", f"{'x' * 64}.invalid"])
def test_an_address_that_is_not_this_machines_is_one_sentence(tmp_path: Path, host: str) -> None:
    """Nobody holds it, so there is nothing to free: an address of this machine is asked for."""
    done = run(str(tmp_path), ["serve", f"--web.listen-address={host}:0"])

    assert done.returncode == 1
    assert f"cannot listen on {host}:0: " in done.stderr
    assert "address of this machine" in done.stderr
    assert "free it" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_flag_stops_it_before_anything_listens(tmp_path: Path) -> None:
    """Exit status 2 and the sentence on standard error."""
    done = run(str(tmp_path), ["--rapl.interval=fast"])

    assert done.returncode == 2
    assert "argument --rapl.interval: 'fast': expected a duration" in done.stderr
    assert "listening" not in done.stderr


@pytest.mark.parametrize("command", ["read", "doctor"])
@pytest.mark.parametrize(("out", "why"), [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")])
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path, command: str, out: str, why: str) -> None:
    """Exit status 74, which no verdict has, and no stack."""
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'"$@" {out}',
            "sh",
            PROGRAM,
            command,
            f"--path.sysfs={NO_SENSORS}",
            f"--path.etc={tmp_path}",
        ],
        env={"PATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stderr == f"wattshift-exporter: cannot write to standard output: {why}\n"
    assert done.returncode == 74


def test_a_name_that_the_terminal_s_encoding_lacks_is_spelled(tmp_path: Path) -> None:
    """A name is no reason for a stack."""
    done = subprocess.run(
        [PROGRAM, "doctor", "--node=größe", f"--path.sysfs={NO_SENSORS}", f"--path.etc={tmp_path}"],
        env={"PATH": str(tmp_path), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert "called gr\\xf6\\xdfe" in done.stdout
