"""A thread with the lab's event loop in it, and how plain synchronous code waits for what happens there."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from deploy.lab.clock import RunningClock
from deploy.lab.engine import Engine, Ports, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.lab.clock import Clock
    from deploy.lab.faults import Faults
    from deploy.lab.plan import Plan

_Result = TypeVar("_Result")
_PATIENCE_SECONDS = 30.0


class Background:
    """Runs a lab's engine in a thread of its own; its methods may be called from any other.

    Args:
        plan: What there is.
        directory: Where files go; a temporary folder when None.
        clock: Lab time; real time when None.
        ports: Where things listen.
    """

    def __init__(
        self,
        plan: Plan,
        directory: Path | None = None,
        *,
        clock: Clock | None = None,
        ports: Ports | None = None,
    ) -> None:
        self._own_folder = tempfile.TemporaryDirectory(prefix="lab-") if directory is None else None
        self.directory = directory or Path(self._own_folder.name if self._own_folder else "")
        self._setting = Setting(plan, clock or RunningClock(), ports or Ports(), self.directory)
        self._changes = 0
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._ended = False
        self._trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring the lab up; when this returns, every node that is on answers.

        Raises:
            OSError: one of the ports is taken.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="lab", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._trouble is not None:
            self._thread.join()
            raise self._trouble

    def stop(self) -> None:
        """End everything the lab started.

        Raises:
            ExceptionGroup: the lab itself failed while it ran.
        """
        self.faults.clear()
        with contextlib.suppress(RuntimeError):  # its loop is closed when it failed
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        if self._own_folder is not None:
            self._own_folder.cleanup()
        if self._trouble is not None:
            raise self._trouble

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        try:
            self._engine = Engine(self._setting, self._notify)
            await self._engine.run(self._ready.set, self._end)
        except BaseException as trouble:  # noqa: BLE001 - handed to the thread that called start()
            self._trouble = trouble
        finally:
            self._ended = True
            self._ready.set()
            self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _do(self, action: Callable[[], _Result]) -> _Result:
        """Run ``action`` in the lab's thread, with the simulation up to date, and let its effects settle."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("Use the lab from another thread than its own: this would wait for itself.")

        async def run() -> _Result:
            self._engine.agenda.run_due()
            result = action()
            await self._engine.settle()
            return result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE_SECONDS)

    @property
    def faults(self) -> Faults:
        """The API's misbehaviour on demand."""
        return self._setting.faults

    @property
    def alive(self) -> bool:
        """Whether the lab runs: False before its start, after its end, and when it failed."""
        return self._ready.is_set() and not self._ended

    def wait_until(self, condition: Callable[[], bool], timeout: float = _PATIENCE_SECONDS) -> None:
        """Wait until ``condition`` holds, looking again whenever something happens in the lab.

        Raises:
            TimeoutError: it did not hold within ``timeout`` real seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = self._changes
            if condition():
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"The lab did not come to the awaited state within {timeout:g} s.")
            with self._changed:
                if self._changes == seen:
                    self._changed.wait(left)
