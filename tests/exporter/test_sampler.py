"""The sampler with sources that do as they are told."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exporter.readings import Clock, Kind, Reading, Reason, Sample, SourceError
from exporter.sampler import Sampler
from exporter.sources import dcmi, rapl
from tests.exporter.worlds import POWER, FakeSource, ManualClock, power

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.readings import Snapshot, SourceState


def of(snapshot: Snapshot, name: str) -> SourceState:
    """Return one source's state."""
    return next(state for state in snapshot.states if state.source == name)


def is_up(name: str) -> Callable[[Snapshot], bool]:
    """Return whether that source is up."""
    return lambda snapshot: of(snapshot, name).up is True


def test_a_hanging_source_holds_up_neither_the_others_nor_a_look() -> None:
    """While one source hangs, another goes on, a snapshot is there at once, and no second read is started."""
    release, reads = threading.Event(), []

    def hang() -> Sample:
        reads.append(1)
        release.wait()
        return power(1.0)

    clock = ManualClock()
    sampler = Sampler(
        [FakeSource(hang, "stuck", deadline=1.0), FakeSource(lambda: power(7.0), "fine")], 30.0, clock.clock
    )
    sampler.start()
    sampler.wait_until(lambda snapshot: of(snapshot, "fine").reads > 5 and bool(reads))
    clock.advance(10.0)
    snapshot = sampler.wait_until(lambda snapshot: of(snapshot, "fine").reads > 10)

    assert of(snapshot, "stuck").up is False
    assert of(snapshot, "stuck").errors[Reason.TIMEOUT] == 1
    assert len(reads) == 1
    release.set()
    sampler.close()


def test_an_error_and_the_recovery_from_it() -> None:
    """A source that fails is down with its reason, and up again when it answers again."""
    broken = threading.Event()
    broken.set()

    def read() -> Sample:
        if broken.is_set():
            raise SourceError(Reason.BUSY, "later")
        return power(7.0)

    sampler = Sampler([FakeSource(read)], 30.0, Clock())
    sampler.start()
    down = sampler.wait_until(lambda snapshot: of(snapshot, "fake").up is False)
    broken.clear()
    up = sampler.wait_until(is_up("fake"))
    sampler.close()

    assert down.failures("fake")[0].reason is Reason.BUSY
    assert up.failures("fake") == ()
    assert up.figures(POWER.name) == {("",): 7.0}


def test_a_fault_of_ours_does_not_silence_a_source(caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody foresaw is logged whole, counted, and the source is read again."""
    answers: list[Sample] = [power(7.0)]
    failed = threading.Event()

    def read() -> Sample:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        return answers[0]

    sampler = Sampler([FakeSource(read)], 30.0, Clock())
    sampler.start()
    snapshot = sampler.wait_until(is_up("fake"))
    sampler.close()

    assert of(snapshot, "fake").errors[Reason.PARSE] == 1
    assert "ZeroDivisionError" in caplog.text


def test_old_figures_disappear() -> None:
    """When a source hangs, its last figures go when they are too old: a dead meter does not look alive."""
    release, first = threading.Event(), threading.Event()

    def read() -> Sample:
        if first.is_set():
            release.wait()
        first.set()
        return power(7.0)

    clock = ManualClock()
    sampler = Sampler([FakeSource(read, deadline=1.0)], 30.0, clock.clock)
    sampler.start()
    sampler.wait_until(is_up("fake"))
    assert sampler.snapshot().figures(POWER.name) == {("",): 7.0}
    clock.advance(30.5)
    assert sampler.snapshot().figures(POWER.name) == {}
    release.set()
    sampler.close()


def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same failure again and again is one line; so is being up."""
    caplog.set_level(logging.INFO)
    broken = threading.Event()

    def read() -> Sample:
        if broken.is_set():
            raise SourceError(Reason.MISSING, "gone")
        return power(7.0)

    clock = ManualClock()
    sampler = Sampler([FakeSource(read), FakeSource(lambda: power(1.0), "other")], 30.0, clock.clock)
    sampler.start()
    sampler.wait_until(lambda snapshot: of(snapshot, "fake").reads > 5)
    broken.set()
    sampler.wait_until(lambda snapshot: of(snapshot, "fake").errors[Reason.MISSING] > 1)
    sampler.close()

    lines = [record.getMessage() for record in caplog.records if "source fake" in record.getMessage()]
    assert lines == ["source fake: up", "source fake: down: missing: gone"]


class WaitingSource(FakeSource):
    """A source whose read lasts until it is closed, and then fails."""

    def __init__(self) -> None:
        super().__init__(self._wait, "waiting")
        self._ended = threading.Event()

    def close(self) -> None:
        """End the read."""
        self._ended.set()

    def _wait(self) -> Sample:
        self._ended.wait()
        raise SourceError(Reason.BUSY, "stopping")


def test_closing_ends_every_source_and_thread() -> None:
    """Each source is told to end, and no thread of ours is left."""
    waiting = WaitingSource()
    fine = FakeSource(lambda: power(1.0), "fine")
    sampler = Sampler([waiting, fine], 30.0, Clock())
    before = threading.active_count()
    sampler.start()
    sampler.wait_until(is_up("fine"))
    sampler.close()

    assert fine.closed
    assert threading.active_count() == before
    assert of(sampler.snapshot(), "waiting").up is None


class _Jam(logging.Handler):
    """A log that nobody takes, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_jammed = threading.Event()
        self.let_go = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Wait, as a write into a full pipe does."""
        del record
        self.is_jammed.set()
        assert self.let_go.wait(60)


def test_a_log_that_nobody_takes_holds_up_no_scrape() -> None:
    """A journal that was stopped, or a full pipe, may stop the source that has news; snapshots are taken as ever."""
    jam, log = _Jam(), logging.getLogger("exporter.sampler")
    sampler = Sampler([FakeSource(lambda: power(1.0))], 30.0, Clock())
    log.addHandler(jam)
    log.setLevel(logging.INFO)
    try:
        sampler.start()
        assert jam.is_jammed.wait(60)
        with ThreadPoolExecutor(1) as pool:
            snapshot = pool.submit(sampler.snapshot)
            try:
                assert of(snapshot.result(60), "fake").up
            finally:
                jam.let_go.set()
    finally:
        log.removeHandler(jam)
        log.setLevel(logging.NOTSET)
        sampler.close()


def test_suspended_time_counts() -> None:
    """Ages are taken by the clock that runs on while the machine sleeps, or an evening's watts would pass for fresh.

    In a time namespace (time_namespaces(7)) the machine has been suspended for 5000 s more than it was.
    """
    told = "from exporter.readings import Clock; print(Clock().monotonic(), Clock().asleep())"
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", *rights, "--time", "--boottime", "5000", "--fork", sys.executable, "-c", told],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    monotonic, asleep = map(float, done.stdout.split())

    assert asleep - Clock().asleep() == pytest.approx(5000, abs=1)
    assert monotonic - Clock().monotonic() == pytest.approx(5000, abs=60)


def test_a_disagreement_is_logged_and_counted_once_whoever_looks(caplog: pytest.LogCaptureFixture) -> None:
    """The sampler compares what finished reads gave; it makes no difference how often a snapshot is taken."""
    clock = ManualClock()
    turns = {"dcmi": threading.Semaphore(0), "rapl": threading.Semaphore(0)}
    package = ("0", "", "package")

    def bmc() -> Sample:
        turns["dcmi"].acquire()
        return Sample((Reading(dcmi.WATTS, ("local",), 40.0),))

    def processor() -> Sample:
        turns["rapl"].acquire()
        return Sample((Reading(rapl.JOULES, package, 1.0), Reading(rapl.WATTS, package, 90.0)))

    sampler = Sampler(
        [
            FakeSource(bmc, "dcmi", interval=0.0, deadline=20.0),
            FakeSource(processor, "rapl", interval=0.0, deadline=20.0),
        ],
        30.0,
        clock.clock,
    )
    sampler.start()
    for count in range(1, 31):
        for name, turn in turns.items():
            turn.release()
            sampler.wait_until(lambda snapshot, name=name, count=count: of(snapshot, name).reads == count)  # type: ignore[misc]
        sampler.snapshot()
        clock.advance(10.0)
    found = {(one.source, one.kind): (one.holds, one.onsets) for one in sampler.snapshot().disagreements}
    for turn in turns.values():
        turn.release(1000)  # so that no read waits while the sampler closes
    sampler.close()

    assert found["dcmi", Kind.ABOVE_METER] == (True, 1)
    told = [record for record in caplog.records if "above_meter" in record.getMessage()]
    assert len(told) == 1
    assert "90.0 W" in told[0].getMessage()
    assert "40.0 W" in told[0].getMessage()
