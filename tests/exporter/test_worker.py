"""The thread that may hang."""

from __future__ import annotations

import queue
import threading

import pytest

from exporter.worker import Worker

PATIENCE = 60.0


def test_it_does_its_task_each_time_it_is_asked_in_one_thread() -> None:
    """The thread is kept, and ends when it is told to."""
    worker = Worker(threading.current_thread, "busy bee")
    threads = set()
    for _ in range(3):
        assert worker.ask()
        threads.add(worker.answer(PATIENCE))
    worker.end()
    (thread,) = threads

    assert thread is not None
    assert thread.name == "busy bee"
    thread.join()


def test_what_a_task_brings_too_late_is_dropped() -> None:
    """While it hangs it is not begun again; once it has ended it is, and only that counts."""
    come: queue.SimpleQueue[str] = queue.SimpleQueue()
    worker = Worker(come.get, "late")
    assert worker.ask()
    assert worker.answer(0.0) is None
    assert not worker.ask()
    come.put("old")
    while not worker.ask():
        pass  # it ends as soon as its thread gets its turn
    come.put("new")

    assert worker.answer(PATIENCE) == "new"
    worker.end()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_task_that_fails_is_begun_again() -> None:
    """A mistake in one read ends its thread, and must not end all reads that follow."""
    results: queue.SimpleQueue[int] = queue.SimpleQueue()
    started: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def task() -> int:
        started.put(threading.current_thread())
        return 1 // results.get()

    worker = Worker(task, "failing")
    results.put(0)
    worker.ask()
    started.get().join()
    assert worker.answer(0.0) is None

    results.put(1)
    assert worker.ask()
    assert worker.answer(PATIENCE) == 1
    worker.end()
