"""The lab's processes: what does not start says why, and what started is ended."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.lab.processes import ProcessError, Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Processes that are ended whatever the test does."""
    started = Processes(tmp_path / "logs")
    yield started
    started.stop()


def gone(pid: int) -> bool:
    """Whether no process has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_program_that_ends_early_is_found_with_its_last_words(processes: Processes) -> None:
    """Waiting for its answer stops at once, and the error shows status and log."""
    processes.start("brief", [sys.executable, "-c", "import sys; print('no such sensor'); sys.exit(3)"])

    with pytest.raises(ProcessError, match=r"(?s)brief ended with status 3.*no such sensor"):
        processes.await_http("brief", "http://127.0.0.1:9/", seconds=20)


def test_a_program_that_is_not_there(processes: Processes) -> None:
    """A missing program is an error that names it, whether or not setpriv stands before it."""
    with pytest.raises(ProcessError, match="absent cannot be started: there is no program /nowhere/at-all"):
        processes.start("absent", ["/nowhere/at-all"])


def test_stopping_ends_even_what_ignores_sigterm(processes: Processes, tmp_path: Path) -> None:
    """After stop, no process is left, and none can be started any more."""
    processes.patience = 0.2
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    deaf = "import signal, sys; signal.signal(15, signal.SIG_IGN); open(sys.argv[1], 'w').close(); signal.pause()"
    processes.start("deaf", [sys.executable, "-c", deaf, ready])
    ready.read_text()  # returns once the other end has closed
    pid = processes.pid("deaf")

    processes.stop()

    assert gone(pid)
    with pytest.raises(ProcessError, match="being taken down"):
        processes.start("late", [sys.executable, "-c", ""])


def test_a_name_runs_once_and_may_be_started_again_after_its_end(processes: Processes) -> None:
    """A second start while it runs is refused; after a power cut the name is free."""
    forever = [sys.executable, "-c", "import signal; signal.pause()"]
    processes.start("node", forever)
    with pytest.raises(ProcessError, match="runs already"):
        processes.start("node", forever)
    first = processes.pid("node")
    processes.kill("node")
    processes.start("node", forever)

    assert gone(first)
    assert processes.pid("node") != first
