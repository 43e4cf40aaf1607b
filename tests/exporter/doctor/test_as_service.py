"""The doctor judges for the service: with its flags, and where it runs as root, with its rights."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.doctor import service
from exporter.doctor.account import Account, find, parse
from exporter.doctor.as_service import decode, encode
from exporter.doctor.finding import State
from exporter.doctor.where import Tools
from exporter.readings import Failure, Reading, Reason, Snapshot
from tests.exporter.doctor.world import World, state
from tests.exporter.process import PROGRAM, run

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_ALL = 1 << 2  # CAP_DAC_READ_SEARCH
MEND = ("usermod -aG wattshift-exporter wattshift-exporter", "systemctl restart wattshift-exporter")
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def open_world() -> Iterator[World]:
    """Return a machine that every user may look at, with a counter that is its owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        world = World(Path(folder) / "machine")
        world.processor()
        world.install()
        world.zone("intel-rapl:0", "package-0", 0o400)
        yield world


def serve_as(world: World, capabilities: int) -> None:
    """Let systemctl say that the service runs, with such capabilities."""
    world.tool("systemctl", "echo 4711")
    status = f"Name:\tx\nUid:\t1\t65001\t1\t1\nGid:\t1\t65001\t1\t1\nGroups:\t44 65001 \nCapEff:\t{capabilities:016x}\n"
    world.write("procfs/4711/status", status)


def test_root_measures_with_the_service_s_rights(open_world: World) -> None:
    """A counter that only root may read gives root no verdict that the service cannot keep."""
    with open_world.running():
        done = run(str(open_world.tools), ["doctor", *open_world.flags()])

    assert done.stderr == ""
    assert "cannot be read by the service's user" in done.stdout
    assert done.returncode == (1 if IS_ROOT else 0)
    assert ("Power can be measured: by rapl" in done.stdout) is not IS_ROOT


def test_a_capability_of_the_running_service_s_is_taken_along(open_world: World) -> None:
    """With the right to read every file it needs no group: nothing is to be mended."""
    serve_as(open_world, READ_ALL)
    with open_world.running():
        done = run(str(open_world.tools), ["doctor", *open_world.flags()])

    assert "Power can be measured: by rapl" in done.stdout, done.stdout
    assert "may read all counters" in done.stdout
    assert "chgrp" not in done.stdout
    assert done.returncode == 0


def test_rights_that_cannot_be_had_are_told_and_measured_without(open_world: World) -> None:
    """In a user namespace root may become nobody else: that is no fault of the machine's."""
    with open_world.running():
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", str(PROGRAM), "doctor", *open_world.flags()],
            env=os.environ | {"PATH": f"{open_world.tools}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert "the rights of the service's user cannot be had" in done.stderr
    assert "Power can be measured: by rapl" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_it_leaves_no_tool_behind(open_world: World, number: signal.Signals) -> None:
    """As Ctrl-C does: both processes get it, and what hangs is still ended."""
    told = open_world.root / "told"
    os.mkfifo(told)
    told.chmod(0o666)
    open_world.tool("ipmitool", f"echo $$ > {told}; exec sleep 600")
    process = subprocess.Popen(
        [str(PROGRAM), "doctor", *open_world.flags()],
        env=os.environ | {"PATH": f"{open_world.tools}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    tool = os.pidfd_open(int(told.read_text()))
    os.killpg(process.pid, number)

    assert process.wait(60) == 128 + number
    assert select.select([tool], [], [], 60.0)[0]
    os.close(tool)


def test_its_children_have_the_capability_too(open_world: World) -> None:
    """As powerstat needs it."""
    serve_as(open_world, READ_ALL)
    said = open_world.root / "said"
    said.mkdir()
    said.chmod(0o777)
    open_world.tool("powerstat", f"cat /proc/self/status > {said}/$$; exit 1")
    run(str(open_world.tools), ["doctor", *open_world.flags()])

    accounts = {parse(file.read_text()) for file in said.iterdir()}
    assert (Account(65001, frozenset({44, 65001}), 65001, READ_ALL) in accounts) is IS_ROOT


def test_plain_doctor_judges_with_the_service_s_settings(open_world: World) -> None:
    """Flags and password are read, not run; the first line says so and keeps the password to itself."""
    flags = " ".join(flag for flag in open_world.flags() if not flag.startswith("--path.etc"))
    args = f"{flags} '--dcmi.host=::1'"
    open_world.write("etc/default/wattshift-exporter", f'ARGS="{args}"\nIPMI_PASSWORD=$(echo touch)\n')
    plain = run(str(open_world.tools), ["doctor", f"--path.etc={open_world.root / 'etc'}"])
    own = run(str(open_world.tools), ["doctor", *open_world.flags()])

    assert plain.stdout.startswith(f"judging with the service's settings: {flags} '--dcmi.host=::1'\n\nNode\n")
    assert "touch" not in plain.stdout + plain.stderr
    assert own.stdout.startswith("Node\n")


@pytest.mark.parametrize(("args", "words"), [('"--node', "--node"), ("--nope", "--nope")])
def test_settings_that_make_no_sense_are_a_sentence(tmp_path: Path, args: str, words: str) -> None:
    """As the service itself would refuse them."""
    world = World(tmp_path / "machine")
    world.write("etc/default/wattshift-exporter", f"ARGS='{args}'\n")
    done = run(str(world.tools), ["doctor", f"--path.etc={world.root / 'etc'}"])

    assert done.returncode == 2
    assert words in done.stderr
    assert f"correct ARGS in {world.root}/etc/default/wattshift-exporter" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_account_is_the_running_service_s_else_the_one_set_up(tmp_path: Path) -> None:
    """A drop-in may have given it groups and capabilities that no file tells; what is no status is passed over."""
    world = World(tmp_path / "machine")
    tools = Tools({"PATH": str(world.tools)}, deadline=60.0)
    etc, procfs = world.root / "etc", world.root / "procfs"
    assert find(etc, procfs, tools) is None
    world.install()
    assert find(etc, procfs, tools) == Account(65001, frozenset({65001}), 65001)
    serve_as(world, READ_ALL)
    assert find(etc, procfs, tools) == Account(65001, frozenset({44, 65001}), 65001, READ_ALL)
    world.write("procfs/4711/status", "Uid:\tx\n")
    assert find(etc, procfs, tools) == Account(65001, frozenset({65001}), 65001)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("LoadState=loaded\nActiveState=inactive", "does not run (inactive)"),
        ("LoadState=loaded\nActiveState=failed", "does not run (failed)"),
        ("LoadState=loaded\nActiveState=activating", "is started again and again"),
        ("LoadState=loaded\nActiveState=active", "runs as wattshift-exporter"),
        ("LoadState=not-found\nActiveState=inactive", "is to run as wattshift-exporter"),
        ("System has not been booted with systemd as init system (PID 1).", "is to run as wattshift-exporter"),
    ],
)
def test_a_service_that_does_not_run_is_told(tmp_path: Path, said: str, words: str) -> None:
    """That this very process can measure is no comfort to a node whose service is stopped, or starts in vain."""
    world = World(tmp_path / "machine")
    world.install()
    world.tool("systemctl", f"echo '{said}'")
    (finding,) = service.check(world.where())

    assert words in finding.sentence
    assert (finding.state == State.OK) == (" as wattshift-exporter" in finding.sentence)


def test_a_user_outside_its_group_is_told(tmp_path: Path) -> None:
    """The group is given the counters and the device: without it nothing can be measured."""
    world = World(tmp_path / "machine")
    assert [finding.state for finding in service.check(world.where())] == [State.ABSENT]
    world.install()
    assert [finding.state for finding in service.check(world.where())] == [State.OK]
    (finding,) = service.check(replace(world.where(), service=Account(65001, frozenset({100}), 100)))
    assert finding.state == State.PROBLEM
    assert finding.commands == MEND
    world.write("etc/group", "users:x:100:\n")
    (finding,) = service.check(world.where())
    assert finding.commands == ("groupadd --system wattshift-exporter", *MEND)


def test_a_snapshot_comes_through_whole() -> None:
    """All that the checks look at."""
    readings = [Reading("a_watts", ("x", ""), 1.5)]
    up, down = state("rapl", readings), state("dcmi", failures=[Failure(Reason.BUSY, "größe", ("y",))], up=False)

    assert decode(encode(Snapshot((up, down)))) == Snapshot((up, down))


@given(st.text() | st.sampled_from(["[{}]", "[1]", "{}", '[{"readings": 1}]', '[{"readings": [1]}]']))
def test_any_word_of_the_child_s_is_taken(said: str) -> None:
    """It has less rights, so nothing it says may harm."""
    assert decode(said) in {None, Snapshot(())}
