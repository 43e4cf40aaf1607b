"""Who leads among actuators on PostgreSQL: a lock of the server, a lease in the database, and an epoch.

The lock (https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS) belongs to one
connection of the leader's own: when its process dies, the server hands it on at once. A process that stands still
(SIGSTOP, a frozen machine, a network that is cut) keeps it, so the leader also renews a lease every half second, by the
database's clock. A candidate that finds the lease run out ends the leader's connection, which frees the lock, and
begins a new epoch.

What a leader does that comes back to life after that:

- By its own clock, suspend included, its lease has run out: it leads no more from the first look at `Lease.epoch` on.
- It writes nothing: each write carries the epoch, and `Store.save` compares it in the same transaction.
- It asks for no migration: `Store.check_lead` compares the epoch right before the request is sent. Nobody can tell of
  a process that is stopped between that look and its request, a moment later; the request then meets a guest that the
  successor's migration has locked or taken away, which Proxmox refuses.

Both connections must reach the server itself: a pooler that hands a server's connection to another client with each
transaction loses the lock.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import text

from actuator.errors import StoreUnavailable, WattshiftError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from actuator.adapters.store import Store

_log = structlog.get_logger(__name__)

LEASE_SECONDS = 3.0
RENEW_SECONDS = 0.5
_ANSWER_SECONDS = 1.5  # so that a leader whose server hangs knows after two seconds, before its lease has run out
_LEADERS = 19094
"""First key of the lock; the second one is the schema, as for the writers' lock."""

_KEYS = f"{_LEADERS}, hashtext(current_schema())"
_NOW = "extract(epoch FROM clock_timestamp())"
# One statement, so that nobody sees the lock taken and the lease still run out.
_TAKE = text(f"UPDATE lease SET until = {_NOW} + :seconds WHERE pg_try_advisory_lock({_KEYS})")  # noqa: S608 - constants
_RENEW = text(f"UPDATE lease SET until = {_NOW} + :seconds WHERE epoch = :epoch")  # noqa: S608 - constants
# Closing the connection frees the lock too, but a moment later, in which the next one would take us for frozen.
_GIVE_UP = text("SELECT pg_advisory_unlock_all()")
_OVERRULE = text(f"""
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = {_LEADERS} AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid AND objsubid = 2
      AND (SELECT until FROM lease) < {_NOW}
""")  # noqa: S608 - constants


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """The lead among processes that share one PostgreSQL database.

    Args:
        store: Where the epoch is kept.
        clock: Seconds of this machine, those of a suspend included.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = _boottime) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()  # held while the connection is used, or the lead changes
        self._connection: Connection | None = None
        self._epoch: int | None = None
        self._until = 0.0
        self._released = threading.Event()

    @property
    def epoch(self) -> int | None:
        """The epoch we lead in, or None when we do not lead, or cannot know any more that we do."""
        epoch, until = self._epoch, self._until
        return epoch if self._clock() < until else None

    def acquire(self) -> int | None:
        """Take the lead and begin an epoch, or return the present one when we lead already.

        Returns:
            The epoch, or None when another process leads.

        Raises:
            StoreUnavailable: The database cannot be reached or written; we do not lead.
        """
        if (epoch := self.epoch) is not None:
            return epoch
        if self._epoch is not None:
            self.release()  # it has run out
        with self._lock:
            try:
                return self._acquire()
            except WattshiftError:
                self._drop()
                raise

    def release(self) -> None:
        """Give up the lead, if we have it."""
        self._released.set()
        with self._lock:
            connection = self._connection
            if self._epoch is not None and connection is not None:
                try:
                    with self._store.database.sentences():
                        connection.execute(_GIVE_UP)
                except StoreUnavailable as error:
                    _log.info("lease.not_given_up", error=str(error))  # it runs out by itself
            self._drop()

    def _acquire(self) -> int | None:
        began = self._clock()
        # A candidate keeps its connection: it asks twice a second.
        connection = self._connection = self._connection or self._store.database.session(_ANSWER_SECONDS)
        with self._store.database.sentences():
            taken = connection.execute(_TAKE, {"seconds": LEASE_SECONDS}).rowcount > 0
            if not taken and connection.execute(_OVERRULE).first() is not None:
                _log.warning("lease.overruled", message="the leader stood still: its connection was ended")
        if not taken:
            return None
        # The epoch is written by another connection, after writers that wait already: a renewal must not wait for them.
        self._epoch, self._until = self._store.next_epoch(), began + LEASE_SECONDS
        if not self._renew(self._epoch):
            self._drop()
            return None
        self._released = threading.Event()
        threading.Thread(
            target=self._keep, args=(self._epoch, self._released), name=f"lease-{self._epoch}", daemon=True
        ).start()
        return self._epoch

    def _keep(self, epoch: int, released: threading.Event) -> None:
        """Renew the lease until it is released, or lost."""
        while not released.wait(RENEW_SECONDS):
            with self._lock:
                if self._epoch != epoch:
                    return
                try:
                    kept, why = self._renew(epoch), "another process leads"
                except StoreUnavailable as error:
                    kept, why = False, str(error)
                if not kept:
                    _log.warning("lease.lost", epoch=epoch, message=why)
                    self._drop()
                    return

    def _renew(self, epoch: int) -> bool:
        began = self._clock()
        if self._connection is None:
            return False
        with self._store.database.sentences():
            kept = self._connection.execute(_RENEW, {"seconds": LEASE_SECONDS, "epoch": epoch}).rowcount > 0
        # From before the question: whatever its way took, the database's lease ends no earlier.
        self._until = began + LEASE_SECONDS if kept else 0.0
        return kept

    def _drop(self) -> None:
        """Lead no more; the connection is closed in truth, and the lock with it."""
        self._epoch, self._until = None, 0.0
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
