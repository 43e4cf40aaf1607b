"""Looks at the outside world that may hang: one thread takes them, and whoever asks waits as long as he likes."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = TypeVar("Seen")


class Aside:
    """One thread, which never keeps the process from ending, takes looks one after the other.

    So however many ask, and however long the other side takes, it is one connection and one question at a time.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._wanted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, look: Callable[[], Seen]) -> Future[Seen]:
        """Take this look when those before it are done; one whose future was cancelled by then is not taken.

        Args:
            look: What it raises, its future raises.
        """
        future: Future[Seen] = Future()

        def take() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                seen = look()
            except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
                future.set_exception(error)
            else:
                future.set_result(seen)

        self._wanted.put(take)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        return future

    def _work(self) -> None:
        while True:
            self._wanted.get()()


class Shared(Generic[Seen]):
    """One kind of look, shared: who asks while it is under way gets that one's result, and must not cancel it.

    Args:
        look: Takes one look.
        name: Of the thread.
    """

    def __init__(self, look: Callable[[], Seen], name: str) -> None:
        self._look = look
        self._aside = Aside(name)
        self._lock = threading.Lock()
        self._under_way: Future[Seen] | None = None

    def ask(self) -> Future[Seen]:
        """Return the look that is under way, or begin one."""
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = self._aside.ask(self._look)
            return self._under_way
