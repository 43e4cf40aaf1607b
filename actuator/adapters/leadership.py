"""Who leads: on SQLite, an operating-system lock beside the database file, and an epoch in the database.

The lock keeps a second process from leading; it falls with its process, however that dies. The epoch fences the
writes of one that lost the lead without noticing: see `Store.save`. On PostgreSQL it is a `Lease`.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from actuator.adapters.lease import Lease
from actuator.errors import StoreUnavailable, WattshiftError

if TYPE_CHECKING:
    from actuator.adapters.store import Store


class Lead(Protocol):
    """The lead among processes that share one database."""

    @property
    def epoch(self) -> int | None:
        """The epoch we lead in, or None when we do not lead."""

    def acquire(self) -> int | None:
        """Take the lead if nobody has it; the epoch we lead in, or None. Raises `StoreUnavailable`."""

    def release(self) -> None:
        """Give up the lead, if we have it."""


def lead_of(store: Store) -> Lead:
    """The lead among all processes on the store's database."""
    url = store.database.engine.url
    if url.get_backend_name() == "postgresql":
        return Lease(store)
    # By whichever name the file is known: two locks would let two processes lead.
    return Leadership(store, Path(url.database or "").resolve().with_suffix(".lock"))


class Leadership:
    """The lead among processes that share one database.

    Args:
        store: Where the epoch is kept.
        lock_path: A file on the same machine's disk; created when absent, never removed, since a lock on a removed
            file excludes nobody.
    """

    def __init__(self, store: Store, lock_path: Path) -> None:
        self._store = store
        self._lock_path = lock_path
        self._held: int | None = None
        self._epoch: int | None = None

    @property
    def epoch(self) -> int | None:
        """The epoch we lead in, or None when we do not lead."""
        return self._epoch

    def acquire(self) -> int | None:
        """Take the lead and begin an epoch, or return the present one when we lead already.

        Returns:
            The epoch, or None when another process leads.

        Raises:
            StoreUnavailable: The lock file or the database cannot be written; we do not lead.
        """
        if self._epoch is not None:
            return self._epoch
        try:
            self._held = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._epoch = self._store.next_epoch()
        except BlockingIOError:
            self.release()
        except OSError as error:
            self.release()
            raise StoreUnavailable(
                f"the lock file {self._lock_path} cannot be used ({error.strerror}): "
                f"create its folder and let the user that runs the actuator write there"
            ) from error
        except WattshiftError:
            self.release()
            raise
        return self._epoch

    def release(self) -> None:
        """Give up the lead, if we have it."""
        self._epoch = None
        if self._held is not None:
            os.close(self._held)
            self._held = None
