"""Looks at the outside world that may hang: one thread takes them, and whoever asks waits as long as he likes.

Who asks while a look is under way gets that one's result. So however many ask, and however long the other side takes,
it is one thread, one connection and one question at a time.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = TypeVar("Seen")


class Looks(Generic[Seen]):
    """Looks when asked, in a thread that never keeps the process from ending.

    Args:
        look: Takes one look; what it raises, whoever asked gets.
        name: Of the thread.
    """

    def __init__(self, look: Callable[[], Seen], name: str) -> None:
        self._look = look
        self._name = name
        self._lock = threading.Lock()
        self._wanted: queue.SimpleQueue[Future[Seen]] = queue.SimpleQueue()
        self._under_way: Future[Seen] | None = None
        self._thread: threading.Thread | None = None

    def ask(self) -> Future[Seen]:
        """Return the look that is under way, or begin one."""
        with self._lock:
            if self._under_way is not None and not self._under_way.done():
                return self._under_way
            future: Future[Seen] = Future()
            future.set_running_or_notify_cancel()  # nobody who gives up cancels it for the others
            self._under_way = future
            self._wanted.put(future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            return future

    def _work(self) -> None:
        while True:
            future = self._wanted.get()
            try:
                seen = self._look()
            except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
                future.set_exception(error)
            else:
                future.set_result(seen)
