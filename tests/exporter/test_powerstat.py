"""The powerstat source: one long-lived child, its life and its ends; the tool is played by a script."""

from __future__ import annotations

import math
import os
import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from exporter.readings import Clock, Reason, SourceError
from exporter.settings import Pace
from exporter.sources.powerstat import AVERAGE_WATTS, PAUSE, WATTS, WINDOW, Powerstat
from exporter.track import Track
from tests.exporter.recordings import POWERSTAT_MMIO, play_powerstat, write_program
from tests.exporter.test_child import wait_for_end
from tests.exporter.worlds import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.readings import Sample

HEADER = "  Time    User  Nice   Sys  Idle    IO  Run Ctxt/s  IRQ/s  Watts   pkg-0"
ROW = "16:24:44   0.5   0.0   1.5  97.5   0.5    1   1583    640  {0:6.2f}  {0:6.2f}"


def source(folder: Path, clock: ManualClock, deadline: float = 60.0) -> Powerstat:
    """Return the source with ``folder`` before the rest of PATH."""
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "IPMI_PASSWORD": "secret"}
    return Powerstat(Pace(1.0, deadline), environment, clock.clock, lambda _, seconds: clock.advance(seconds))


def figures(sample: Sample, family: str) -> dict[tuple[str, ...], float]:
    """Return one family's figures by labels."""
    return {reading.labels: reading.value for reading in sample.readings if reading.family == family}


def play_rows(folder: Path, *watts: float, then: str) -> None:
    """Write a powerstat that prints these rows and then does what the shell is told."""
    lines = "\n".join([HEADER, *(ROW.format(figure) for figure in watts)])
    write_program(folder, "powerstat", f"echo {shlex.quote(lines)}; {then}")


def end(powerstat: Powerstat) -> None:
    """Close the source; the read that follows finds its child killed and clears it away."""
    powerstat.close()
    while drain(powerstat):
        pass


def drain(powerstat: Powerstat) -> bool:
    """Read once more; tell whether there was still a row."""
    try:
        return powerstat.read().up
    except SourceError:
        return False


def reason(powerstat: Powerstat) -> Reason:
    """Return why a read gives nothing."""
    with pytest.raises(SourceError) as caught:
        powerstat.read()
    return caught.value.reason


def test_one_child_gives_row_after_row_and_ends_when_closed(tmp_path: Path) -> None:
    """The newest row is the figure; the mean comes with the sixtieth; closing leaves no process behind."""
    play_powerstat(tmp_path, POWERSTAT_MMIO, tmp_path / "pid")
    powerstat = source(tmp_path, ManualClock())
    sample = powerstat.read()
    while figures(sample, WATTS) != {("0",): 40.25}:
        sample = powerstat.read()

    assert figures(sample, AVERAGE_WATTS) == {("0",): pytest.approx(40.00, abs=0.005)}
    end(powerstat)
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_there_is_no_mean_before_its_window_is_full(tmp_path: Path) -> None:
    """A mean of fewer samples would be another figure: absent until there are sixty."""
    play_rows(tmp_path, *range(1, WINDOW), then="exec sleep 600")
    powerstat = source(tmp_path, ManualClock())
    sample = powerstat.read()
    while figures(sample, WATTS) != {("0",): WINDOW - 1}:
        sample = powerstat.read()
    end(powerstat)

    assert figures(sample, AVERAGE_WATTS) == {}


def test_a_mean_does_not_reach_over_a_hole(tmp_path: Path) -> None:
    """After more than a pause and the deadline the window starts anew, though the child ran on."""
    fifo = tmp_path / "more"
    os.mkfifo(fifo)
    play_rows(tmp_path, *[50.0] * WINDOW, then=f"cat {shlex.quote(str(fifo))}; exec sleep 600")
    clock = ManualClock()
    powerstat = source(tmp_path, clock)
    sample = powerstat.read()
    while not figures(sample, AVERAGE_WATTS):
        sample = powerstat.read()
    clock.advance(66)
    fifo.write_text(ROW.format(70.0) + "\n")
    sample = powerstat.read()
    end(powerstat)

    assert figures(sample, WATTS) == {("0",): 70.0}
    assert figures(sample, AVERAGE_WATTS) == {}


def test_a_run_that_is_over_is_followed_by_the_next(tmp_path: Path) -> None:
    """Its samples used up, powerstat exits 0; the next run starts within the same read."""
    count = shlex.quote(str(tmp_path / "count"))
    play_rows(tmp_path, 41.0, then=f"echo run >> {count}; exit 0")
    powerstat = source(tmp_path, ManualClock())
    for _ in range(3):  # the third row comes after the second run's end
        powerstat.read()
    end(powerstat)

    assert (tmp_path / "count").read_text().count("run") >= 2


def test_its_options_and_environment(tmp_path: Path) -> None:
    """RAPL, domains, one header, line by line; and no secret that it does not need."""
    log = shlex.quote(str(tmp_path / "log"))
    play_rows(tmp_path, 41.0, then=f'[ -e {log} ] || echo "$*|$IPMI_PASSWORD|$_STDBUF_O" > {log}; exit 0')
    powerstat = source(tmp_path, ManualClock())
    powerstat.read()
    powerstat.read()
    end(powerstat)

    assert (tmp_path / "log").read_text() == "-R -D -n 1 3600||L\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "Device does not have RAPL, cannot measure power usage, errno=2 (No such file or directory).",
            Reason.UNSUPPORTED,
        ),
        ("Device does not have any RAPL domains, cannot power measure power usage.", Reason.UNSUPPORTED),
        ("Device does not have any RAPL domains, cannot measure power usage.", Reason.UNSUPPORTED),
        (
            "Cannot access RAPL domain energy information, try running with root permission.",
            Reason.PERMISSION,
        ),
        ("stdbuf: failed to run command '/usr/bin/powerstat': Exec format error", Reason.UNSUPPORTED),
        ("Segmentation fault", Reason.PARSE),
    ],
)
def test_its_last_words_tell_why_it_ended(tmp_path: Path, words: str, expected: Reason) -> None:
    """The tool says its errors on standard output; each has its reason, and the next read tries again."""
    write_program(tmp_path, "powerstat", f"echo {shlex.quote(words)}; exit 1")
    powerstat = source(tmp_path, ManualClock())

    assert reason(powerstat) is expected
    assert reason(powerstat) is expected


def test_what_the_tool_says_reaches_no_terminal_raw(tmp_path: Path) -> None:
    """Its last words are quoted, at a readable length, with control characters written out."""
    write_program(tmp_path, "powerstat", f"printf '%s\\033]0;owned\\007\\n' {'x' * 5000}; exit 1")
    with pytest.raises(SourceError) as caught:
        source(tmp_path, ManualClock()).read()

    assert caught.value.detail.isprintable()
    assert "\\x1b]0;owned\\x07" in caught.value.detail
    assert len(caught.value.detail) < 400


def test_an_end_without_a_single_row_is_an_error_and_no_loop(tmp_path: Path) -> None:
    """A powerstat that exits 0 at once is not started again and again."""
    write_program(tmp_path, "powerstat", "exit 0")

    assert reason(source(tmp_path, ManualClock())) is Reason.PARSE


def test_silence_is_a_timeout_and_ends_the_child(tmp_path: Path) -> None:
    """A powerstat that falls silent is killed at the deadline, so that the next read starts a fresh one."""
    play_powerstat(tmp_path, POWERSTAT_MMIO, tmp_path / "pid")
    powerstat = source(tmp_path, ManualClock())
    while figures(powerstat.read(), WATTS) != {("0",): 40.25}:
        pass
    first = int((tmp_path / "pid").read_text())
    powerstat.deadline = 0.01

    with pytest.raises(SourceError, match="powerstat gave no answer") as caught:
        powerstat.read()
    assert caught.value.reason is Reason.TIMEOUT
    wait_for_end(first)
    powerstat.deadline = 60.0
    assert powerstat.read().up
    assert int((tmp_path / "pid").read_text()) != first
    end(powerstat)


def test_chatter_without_a_row_is_a_timeout_and_ends_the_child(tmp_path: Path) -> None:
    """Words that are no row do not put the deadline off, however many are ready to be read."""
    chatter = "while echo y; do sleep 0.001; done"
    write_program(tmp_path, "powerstat", f"echo $$ > {shlex.quote(str(tmp_path / 'pid'))}; {chatter}")
    clock = ManualClock()

    def tick() -> float:
        clock.advance(1)
        return clock.now

    powerstat = Powerstat(
        Pace(1.0, 10.0), {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, Clock(monotonic=tick), lambda *_: None
    )

    assert reason(powerstat) is Reason.TIMEOUT
    wait_for_end(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("chatter", ["exec yes", "exec tr '\\0' x < /dev/zero"])
def test_endless_output_without_a_row_is_cut_off(tmp_path: Path, chatter: str) -> None:
    """A tool that says far too much is not powerstat: no memory grows, and it is ended, long before the deadline."""
    write_program(tmp_path, "powerstat", f"echo $$ > {shlex.quote(str(tmp_path / 'pid'))}; {chatter}")

    assert reason(source(tmp_path, ManualClock())) is Reason.PARSE
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_runs_that_end_at_once_do_not_follow_each_other_without_a_pause(tmp_path: Path) -> None:
    """At most one start in each of powerstat's own intervals, whatever it does."""
    play_rows(tmp_path, 41.0, then="exit 0")
    clock = ManualClock()
    powerstat = source(tmp_path, clock)
    moments = []
    for _ in range(5):
        powerstat.read()
        moments.append(clock.now)
    end(powerstat)

    assert moments == [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]


def test_closing_ends_the_pause_before_the_next_run(tmp_path: Path) -> None:
    """An exporter that stops does not wait for a run's turn to come."""
    play_rows(tmp_path, 41.0, then="exit 0")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    powerstat = Powerstat(Pace(600.0, 601.0), environment, ManualClock().clock)
    powerstat.read()
    powerstat.close()

    assert reason(powerstat) in {Reason.BUSY, Reason.PARSE}  # it may have been killed before it ended by itself


def test_a_row_that_cannot_be_trusted_replaces_the_one_before_and_leaves_the_child_running(tmp_path: Path) -> None:
    """One bad row is one error, and an answer: no figure stands, no pause grows; the next of the same run counts."""
    fifo = tmp_path / "more"
    os.mkfifo(fifo)
    more = shlex.quote(str(fifo))
    play_rows(tmp_path, 41.0, then=f"cat {more}; cat {more}; cat {more}; exec sleep 600")
    powerstat = source(tmp_path, ManualClock())
    track = Track(powerstat)

    def read() -> dict[tuple[str, ...], float]:
        track.begin(0.0)
        track.finish(powerstat.read(), 0.0, 0.0)
        return {reading.labels: reading.value for reading in track.state(0.0, 30.0).readings}

    assert read() == {("0",): 41.0}
    for bad, why in ((0.0, Reason.IMPLAUSIBLE), (math.nan, Reason.PARSE)):
        fifo.write_text(ROW.format(bad) + "\n")
        assert read() == {}
        assert [failure.reason for failure in track.state(0.0, 30.0).failures] == [why]
        assert track.pause() == PAUSE
    fifo.write_text(ROW.format(40.0) + "\n")
    assert read() == {("0",): 40.0}
    end(powerstat)


def test_each_bad_row_among_good_ones_is_counted_and_hides_none(tmp_path: Path) -> None:
    """Of the rows that waited, the newest good one is the figure, wherever the bad ones stand."""
    fifo = tmp_path / "more"
    os.mkfifo(fifo)
    play_rows(tmp_path, 40.0, then=f"cat {shlex.quote(str(fifo))}; exec sleep 600")
    powerstat = source(tmp_path, ManualClock())
    powerstat.read()
    fifo.write_text("".join(ROW.format(watts) + "\n" for watts in (0.0, 41.0, math.nan, 42.0, 0.0)))
    sample = powerstat.read()
    end(powerstat)

    assert sample.up
    assert figures(sample, WATTS) == {("0",): 42.0}
    assert [failure.reason for failure in sample.failures] == [Reason.IMPLAUSIBLE, Reason.PARSE, Reason.IMPLAUSIBLE]


def test_rows_without_end_fill_the_pipe_and_no_more(tmp_path: Path) -> None:
    """A tool that prints rows as fast as it can costs one read in each pause, of what the pipe holds."""
    row = shlex.quote(ROW.format(41.0))
    write_program(tmp_path, "powerstat", f"echo {shlex.quote(HEADER)}; exec yes {row}")
    powerstat = source(tmp_path, ManualClock())
    track = Track(powerstat)
    for _ in range(5):
        track.begin(0.0)
        track.finish(powerstat.read(), 0.0, 0.0)
        assert track.pause() == PAUSE
    end(powerstat)

    assert track.state(0.0, 30.0).readings[0].value == 41.0


def test_rows_that_waited_are_all_in_the_mean_and_as_old_as_they_may_be(tmp_path: Path) -> None:
    """Nothing is lost between two reads; and a row that may have been printed right after the last is no new one."""
    fifo = tmp_path / "more"
    os.mkfifo(fifo)
    play_rows(tmp_path, *[40.0] * (WINDOW - 5), then=f"cat {shlex.quote(str(fifo))}; exec sleep 600")
    clock = ManualClock()
    powerstat = source(tmp_path, clock)
    assert powerstat.read().age == 0.0
    fifo.write_text("".join(ROW.format(watts) + "\n" for watts in (41.0, 42.0, 43.0, 44.0, 50.0)))
    clock.advance(5)
    sample = powerstat.read()
    end(powerstat)

    assert figures(sample, WATTS) == {("0",): 50.0}
    assert figures(sample, AVERAGE_WATTS) == {("0",): pytest.approx((40 * 55 + 41 + 42 + 43 + 44 + 50) / 60)}
    assert sample.age == 5.0


def test_a_dead_powerstat_is_replaced(tmp_path: Path) -> None:
    """Killed from outside, it is started anew: one read tells of the end, the next has a row."""
    play_powerstat(tmp_path, POWERSTAT_MMIO, tmp_path / "pid")
    powerstat = source(tmp_path, ManualClock())
    while figures(powerstat.read(), WATTS) != {("0",): 40.25}:
        pass
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert reason(powerstat) is Reason.PARSE
    assert powerstat.read().up
    end(powerstat)


def test_no_powerstat_is_missing(tmp_path: Path) -> None:
    """Without the tool there is a reason and no figure; so too without stdbuf."""
    powerstat = Powerstat(Pace(1.0, 1.0), {"PATH": str(tmp_path)}, ManualClock().clock)

    assert reason(powerstat) is Reason.MISSING
    (tmp_path / "stdbuf").symlink_to("/bin/true")
    assert reason(powerstat) is Reason.MISSING
