"""The end of the exporter: whichever of its threads the kernel chooses to tell."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

import pytest

from exporter.ending import Ending
from tests.exporter.process import serving
from tests.exporter.recordings import FIXTURES

_FLAGS = (
    f"--path.sysfs={FIXTURES / 'machines' / 'no-sensors' / 'sys'}",
    *(f"--no-collector.{source}" for source in ("dcmi", "powerstat", "guests")),
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_any_thread_ends_the_exporter(number: signal.Signals) -> None:
    """The main thread hears of a signal that another thread was given, though nothing else wakes it."""
    with serving(os.environ["PATH"], *_FLAGS) as running:
        running.metrics()
        others = {int(task.name) for task in Path(f"/proc/{running.pid}/task").iterdir()} - {running.pid}
        assert others
        assert ctypes.CDLL(None, use_errno=True).tgkill(running.pid, min(others), number) == 0

        assert running.wait() == 0


def test_a_signal_that_is_ignored_stays_so() -> None:
    """Started by nohup, the exporter outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serving(os.environ["PATH"], *_FLAGS) as running:
            os.kill(running.pid, signal.SIGHUP)
            assert "wattshift_source_up" in running.metrics()
            assert running.stop() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_before_the_wait_is_not_lost() -> None:
    """Told to end while it was still starting, it ends."""
    before = signal.getsignal(signal.SIGUSR1)
    try:
        ending = Ending(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        ending.wait()
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)


def test_the_signals_of_others_do_not_end_it() -> None:
    """A signal that somebody else handles does not count."""
    seen: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    try:
        ending = Ending(signal.SIGUSR1)
        signal.signal(signal.SIGUSR2, lambda number, _frame: seen.append(number))
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR1)
        ending.wait()
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)

    assert seen == [signal.SIGUSR2]
