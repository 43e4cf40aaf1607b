"""``read --watch``: the live table on a real terminal, in a pipe, and what it shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cells import width
from exporter.live import Spread, cut, frame
from exporter.node_power import NodePower
from exporter.readings import Failure, Reason
from exporter.settings import NODE_SOURCES
from exporter.sources import dcmi, rapl
from exporter.table import align, render
from tests.exporter.process import PROGRAM, run
from tests.exporter.recordings import FIXTURES, play_ipmitool, write_program
from tests.exporter.terminal import ENTER, LEAVE, terminal
from tests.exporter.test_child import wait_for_end
from tests.exporter.worlds import WALL, snapshot

if TYPE_CHECKING:
    from pathlib import Path

NO_SENSORS = FIXTURES / "machines" / "no-sensors" / "sys"
FLAGS = ("--watch", f"--path.sysfs={NO_SENSORS}", "--node=pve2", "--dcmi.interval=300ms")


def environment(tools: Path) -> dict[str, str]:
    """Return an environment in which the program finds these tools, and the system's."""
    return {"PATH": f"{tools}:/usr/bin:/bin", "TERM": "xterm"}


@pytest.fixture
def argv(tmp_path: Path) -> list[str]:
    """Return the command, on a machine whose BMC counts its answers in watts."""
    count = tmp_path / "count"
    count.write_text("100")
    recording = FIXTURES / "ipmitool" / "active.out"
    write_program(
        tmp_path / "bin",
        "ipmitool",
        f"read n < {count}; echo $((n + 1)) > {count}.new; mv {count}.new {count}; sed s/212/$n/ {recording}",
    )
    return [str(PROGRAM), "read", *FLAGS]


def test_it_redraws_in_place_and_gives_the_terminal_back(argv: list[str], tmp_path: Path) -> None:
    """New figures appear; Ctrl-C ends it with 0, and cursor and screen are as they were."""
    with terminal(argv, environment(tmp_path / "bin")) as screen:
        first = screen.frame_when(lambda text: " W by dcmi" in text)
        later = screen.frame_when(lambda text: " W by dcmi" in text and "lowest" in text)
        screen.type(b"\x03")

        assert screen.end() == 0
    assert first.startswith("Wattshift on pve2  ")
    assert watts(later) > watts(first)
    assert re.search(r"\ndcmi +local +\d+\.00 +\d s  up", later)
    assert screen.text.startswith(ENTER)
    assert screen.text.endswith(LEAVE)
    assert screen.text.count(ENTER) == screen.text.count(LEAVE) == 1
    assert "Traceback" not in screen.text


def watts(text: str) -> float:
    """Return the node's power in a frame."""
    match = re.search(r"\nnode +([0-9.]+) W by dcmi", text)
    assert match
    return float(match[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_gives_the_terminal_back(argv: list[str], tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 128 and the signal."""
    with terminal(argv, environment(tmp_path / "bin")) as screen:
        screen.frame_when(lambda text: " W by dcmi" in text)
        screen.process.send_signal(number)

        assert screen.end() == 128 + number
    assert screen.text.endswith(LEAVE)


def test_stopped_it_gives_the_terminal_back_until_it_goes_on(argv: list[str], tmp_path: Path) -> None:
    """Ctrl-Z leaves the other screen and shows the cursor; ``fg`` draws it anew, and Ctrl-C ends it as ever."""
    with terminal(argv, environment(tmp_path / "bin")) as screen:
        screen.frame_when(lambda text: " W by dcmi" in text)
        screen.process.send_signal(signal.SIGTSTP)
        # Without a shell that could wake it the kernel does not let it sleep (setpgid(2)): it goes on at once.
        screen.frame_when(lambda text: " W by dcmi" in text)
        screen.type(b"\x03")

        assert screen.end() == 0
    assert f"{LEAVE}{ENTER}\033[H\033[J" in screen.text
    assert screen.text.count(ENTER) == screen.text.count(LEAVE) == 2
    assert screen.text.endswith(LEAVE)


def test_a_dumb_terminal_is_given_tables(argv: list[str], tmp_path: Path) -> None:
    """It knows no control sequence."""
    with terminal(argv, environment(tmp_path / "bin") | {"TERM": "dumb"}) as screen:
        while screen.text.count("Wattshift on pve2") < 2:
            assert screen.more()
        screen.type(b"\x03")

        assert screen.end() == 0
    assert "\033" not in screen.text


def test_it_takes_its_children_with_it(tmp_path: Path) -> None:
    """An ipmitool that hangs."""
    pid = tmp_path / "pid"
    write_program(tmp_path / "bin", "ipmitool", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 600")
    with terminal([str(PROGRAM), "read", *FLAGS], environment(tmp_path / "bin")) as screen:
        screen.frame_when(lambda text: pid.exists() and "not read yet" in text)
        screen.type(b"\x03")

        assert screen.end() == 0
    wait_for_end(int(pid.read_text()))


def test_it_follows_the_size_of_the_terminal(argv: list[str], tmp_path: Path) -> None:
    """No line is longer and no frame higher than fits, before and after; what is cut shows dots."""
    with terminal(argv, environment(tmp_path / "bin")) as screen:
        wide = screen.frame_when(lambda text: " W by dcmi" in text)
        screen.resize(40, 6)
        small = screen.frame_when(lambda text: "more lines" in text)
        screen.type(b"\x03")
        screen.end()

    assert max(map(len, wide.split("\n"))) > 40
    assert max(map(len, small.split("\n"))) <= 40
    assert len(small.split("\n")) == 6


def test_a_window_that_is_closed_ends_it(argv: list[str], tmp_path: Path) -> None:
    """The terminal has gone: no process stays behind."""
    with terminal(argv, environment(tmp_path / "bin")) as screen:
        screen.frame_when(lambda text: " W by dcmi" in text)
        screen.hang_up()

        # The signal comes at once, but so does the end of the terminal for one who is writing to it.
        assert screen.process.wait(60) in {128 + signal.SIGHUP, 128 + signal.SIGPIPE}


def test_in_a_pipe_it_prints_one_table_after_another(argv: list[str], tmp_path: Path) -> None:
    """No control sequence; each is there at once; when nobody reads on it ends without a word."""
    with subprocess.Popen(
        argv, env=environment(tmp_path / "bin"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        tables = 0
        for line in process.stdout:
            assert "\033" not in line
            tables += line.startswith("Wattshift on pve2")
            if tables == 2:
                break
        process.stdout.close()

        assert process.wait(60) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""


def test_ctrl_c_while_read_waits_says_nothing(tmp_path: Path) -> None:
    """No traceback, exit status 130."""
    pid = tmp_path / "pid"
    write_program(tmp_path / "bin", "ipmitool", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 600")
    with terminal([str(PROGRAM), "read", *FLAGS[1:]], environment(tmp_path / "bin")) as screen:
        while not pid.exists():
            os.sched_yield()
        screen.type(b"\x03")

        assert screen.end() == 130
    assert screen.text.strip() == "^C"


def test_watching_is_for_reading(tmp_path: Path) -> None:
    """Anything else is refused with a sentence."""
    play_ipmitool(tmp_path, "active")
    done = run(str(tmp_path), ["serve", "--watch"])

    assert done.returncode == 2
    assert "wattshift-exporter read --watch" in done.stderr


def test_a_frame_shows_node_sources_ages_and_reasons() -> None:
    """What fails stands beside what does not; no control character of a tool's gets through."""
    shown = snapshot([(dcmi.WATTS, ("local",), 212.0)], [("rapl", Failure(Reason.PERMISSION, "no\033[2J"))])
    lines = frame(shown, NODE_SOURCES, Spread(), WALL + 75)

    assert [line.split() for line in lines] == [
        ["node", "212.00", "W", "by", "dcmi"],
        [],
        ["SOURCE", "WHAT", "WATTS", "AGE", "STATE"],
        ["dcmi", "local", "212.00", "1", "min", "up"],
        ["rapl", "-", "-", "1", "min", "permission:", "no\\x1b[2J"],
    ]


def test_a_source_whose_first_window_is_not_over_is_shown() -> None:
    """Energy alone is no power yet; a source that measures none at all, as that of guests, has no row."""
    times = [("wattshift_guest_window_cpu_microseconds", (part, ""), 7.0) for part in ("busy", "capacity")]
    lines = frame(snapshot([(rapl.JOULES, ("0", "", "package"), 3.0), *times]), NODE_SOURCES, Spread(), WALL + 1)

    assert [line.split(maxsplit=5) for line in lines[2:]] == [
        ["SOURCE", "WHAT", "WATTS", "AGE", "STATE"],
        ["rapl", "-", "-", "1", "s", "up, its first window is not over"],
    ]


def test_guests_stand_below_most_power_first() -> None:
    """With the host and idle time among them; cut, the least go first."""
    window = "wattshift_guest_window_cpu_microseconds"
    times = {("qemu/100", "web"): 1.0, ("lxc/101", "db"): 4.0, ("busy", ""): 7.0, ("capacity", ""): 10.0}
    shown = snapshot(
        [(dcmi.WATTS, ("local",), 200.0), *((window, labels, time * 1e6) for labels, time in times.items())]
    )
    lines = frame(shown, NODE_SOURCES, Spread(), WALL)

    assert [line.split() for line in lines[-5:]] == [
        ["GUEST", "NAME", "WATTS"],
        ["lxc/101", "db", "80.00"],
        ["idle", "-", "60.00"],
        ["host", "-", "40.00"],
        ["qemu/100", "web", "20.00"],
    ]
    assert cut(lines, 80, len(lines) - 2)[-2:] == [lines[-4], "... 3 more lines"]
    assert render(shown, NODE_SOURCES).endswith("\n".join(["", *lines[-5:]]))


def test_the_mean_weighs_each_figure_by_its_time() -> None:
    """100 W for 30 s, then 200 W for 10 s; another source begins anew, none shows nothing."""
    spread = Spread()
    spread.take(NodePower("dcmi", 100.0), 10.0)
    assert str(spread) == ""
    spread.take(NodePower("dcmi", 200.0), 40.0)
    spread.take(NodePower("dcmi", 150.0), 50.0)
    assert str(spread) == "lowest 100.0  mean 125.0  highest 200.0  in 40 s"
    spread.take(NodePower("rapl", 40.0), 60.0)
    assert str(spread) == ""
    spread.take(NodePower("rapl", 40.0), 4000.0)
    assert str(spread) == "lowest 40.0  mean 40.0  highest 40.0  in 1 h 5 min"
    spread.take(None, 4001.0)
    assert str(spread) == ""


@given(
    st.lists(st.text(st.sampled_from("a ~ä電力e\u0301")), max_size=30),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_what_is_cut_fits(lines: list[str], columns: int, height: int) -> None:
    """Whatever there is, and however small the terminal; what fits is left as it is."""
    fitting = cut(lines, columns, height)

    assert len(fitting) <= height
    assert all(width(line) <= columns for line in fitting)
    if len(lines) <= height and all(width(line) <= columns for line in lines):
        assert fitting == lines


def test_wide_characters_leave_the_columns_straight() -> None:
    """A Japanese name takes two cells a character, a combining accent none."""
    lines = align([("GUEST", "WATTS", "X"), ("電力", "1", "x"), ("e\u0301", "22", "x")])

    assert lines == ["GUEST  WATTS  X", "電力       1  x", "e\u0301         22  x"]
