"""Once an hour the leader deletes what is older than the operator wants it kept, a little at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from actuator.adapters.retention import Deleted
from actuator.errors import LeadershipLost, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.store import Store

_log = structlog.get_logger(__name__)

_DAY_SECONDS = 86_400.0


class Housekeeping:
    """Deletes while this process leads, in a thread that holds up no job.

    Args:
        store: Where the jobs and the audit are.
        epoch: In which we lead, or None while we do not.
        keep_days: For how long what is over is kept.
        clock: Unix seconds.
        first: Seconds until the first round: a process that is started anew each night deletes as well.
        interval: Seconds between two rounds.
        breath: Seconds between two portions of a round, for those who wait to write.
    """

    def __init__(  # noqa: PLR0913 - it joins them, once
        self,
        store: Store,
        epoch: Callable[[], int | None],
        keep_days: Callable[[], int],
        clock: Callable[[], float],
        *,
        first: float = 60.0,
        interval: float = 3600.0,
        breath: float = 0.2,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._keep_days = keep_days
        self._clock = clock
        self._first = first
        self._interval = interval
        self._breath = breath
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the portion that is under way, or after ``timeout`` seconds; the rest is deleted another time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def round(self) -> Deleted:
        """Delete all that is too old; how much that was.

        Raises:
            StoreUnavailable: The store cannot be read or written.
            LeadershipLost: Another process leads.
        """
        deleted = Deleted()
        while (epoch := self._epoch()) is not None:
            now = self._clock()
            some = self._store.delete_some(now - self._keep_days() * _DAY_SECONDS, now, epoch=epoch)
            deleted += some
            if not some or self._stopping.wait(self._breath):
                break
        return deleted

    def _run(self) -> None:
        pause = self._first
        while not self._stopping.wait(pause):
            pause = self._interval
            try:
                if deleted := self.round():
                    _log.info(
                        "store.old_deleted", jobs=deleted.jobs, episodes=deleted.episodes, audit_lines=deleted.lines
                    )
            except (StoreUnavailable, LeadershipLost) as error:
                _log.warning("housekeeping.postponed", message=str(error))
            except Exception:  # noqa: BLE001 - what is not deleted now is deleted later
                _log.exception("housekeeping.defect")
