"""A thread that does one thing whenever it is asked to, and may hang doing it."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Worker(Generic[T]):
    """Does ``task`` in a thread of its own, kept from one time to the next: starting one takes longer than most tasks.

    Asked, answered and ended by one thread.
    """

    def __init__(self, task: Callable[[], T], name: str) -> None:
        self._task = task
        self._name = name
        self._thread: threading.Thread | None = None
        self._asked: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._answers: SimpleQueue[T] = SimpleQueue()
        self._is_busy = False

    @property
    def hangs(self) -> bool:
        """Whether it is still at its last task; what that brings otherwise is dropped."""
        alive = self._thread is not None and self._thread.is_alive()
        return alive and self._is_busy and self.answer(0.0) is None

    def ask(self) -> bool:
        """Begin the task; False while it is still at the last: what that brings is of no use any more."""
        if self._thread is None or not self._thread.is_alive():  # it has not begun, or a mistake of ours ended it
            # A daemon, since a task that hangs in the kernel must not keep the process from ending.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        elif self.hangs:
            return False
        self._is_busy = True
        self._asked.put(self._task)
        return True

    def answer(self, seconds: float) -> T | None:
        """Return what the task gave, waiting so long at most; None when it has not ended."""
        try:
            answer = self._answers.get(timeout=max(0.0, seconds))
        except Empty:
            return None
        self._is_busy = False
        return answer

    def end(self) -> None:
        """Let the thread end, once its task has."""
        self._asked.put(None)

    def _run(self) -> None:
        while (task := self._asked.get()) is not None:
            self._answers.put(task())
