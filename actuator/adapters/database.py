"""The SQLite file: connections, transactions, and its errors as sentences.

Write-ahead log, so that readers never wait for a writer; ``synchronous=FULL``, so that what was committed survives a
power cut; ``BEGIN IMMEDIATE``, so that a decision is taken and written with no other writer in between
(https://www.sqlite.org/lang_transaction.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from actuator.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPECTED = "expected a file, such as sqlite:////var/lib/wattshift/actuator.db"

# By the beginning of SQLite's error name (https://www.sqlite.org/rescode.html), what it means to a person.
_SENTENCES = {
    "SQLITE_FULL": "the disk is full: free some space there",
    "SQLITE_READONLY": "it may only be read: let the user that runs the actuator write the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened: create its folder and let the user that runs the actuator write there",
    "SQLITE_PERM": "it may not be opened: let the user that runs the actuator write the file and its folder",
    "SQLITE_CORRUPT": "it is damaged: stop the actuator, restore a backup or move the file away, and start again",
    "SQLITE_NOTADB": "it is no SQLite database: name another file under 'database', or move this one away",
    "SQLITE_BUSY": "another program holds it locked: see which one has it open (fuser) and end it",
    "SQLITE_LOCKED": "another program holds it locked: see which one has it open (fuser) and end it",
    "SQLITE_IOERR": "reading or writing the disk failed: look at the kernel log and the file system's health",
}


def open_engine(url: str, *, busy_seconds: float = 5.0) -> Engine:
    """An engine for the database; opens no file yet.

    Args:
        url: ``sqlite:///`` and a path.
        busy_seconds: How long to wait for another process's transaction.

    Raises:
        ConfigurationError: The URL is not one of a SQLite file; the message never repeats a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"database: not a database URL; {_EXPECTED}") from None
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(f"database: {parsed.get_backend_name()} is not supported yet; {_EXPECTED}")
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(f"database: nothing in memory survives a restart; {_EXPECTED}")
    engine = create_engine(parsed, connect_args={"timeout": busy_seconds}, pool_timeout=busy_seconds)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not by the driver's guess
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


class Database:
    """Transactions on one engine, from any thread; every database error leaves as `StoreUnavailable`.

    Args:
        engine: From `open_engine`.

    Attributes:
        newest_write_failed: Whether the newest write, of any thread, was not taken; what it said is no failure.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(writing=True)
        # SQLite lets waiting writers poll with growing pauses; a queue of our own threads costs none.
        self._turn = threading.Lock()
        self._patience = engine.pool.timeout()  # type: ignore[attr-defined]  # a QueuePool, by open_engine
        self.newest_write_failed = False
        self._file: tuple[Path, tuple[int, int] | None] | None = None

    def hold_on(self, connection: Connection) -> None:
        """From now on refuse any other file in the place of the one that this connection has open.

        A connection goes on with a removed file as if nothing had happened, and a new one would make an empty file:
        what was answered for would be lost.
        """
        name = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar_one()
        self._file = Path(name), _identity(Path(name))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent look: all reads inside see the same moment."""
        self._same_file()
        with self._sentences(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction, alone from its first read on: all of it is on disk afterwards, or nothing."""
        if not self._turn.acquire(timeout=self._patience):
            self.newest_write_failed = True
            raise StoreUnavailable(
                f"the database {self._path} is busy: earlier writes took longer than {self._patience:g} s; "
                f"see whether its disk is slow or full"
            )
        try:
            self._same_file()
            with self._sentences(), self._writer.begin() as connection:
                yield connection
            self._same_file()
            self.newest_write_failed = False
        except StoreUnavailable:
            self.newest_write_failed = True
            raise
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close all idle connections."""
        self._engine.dispose()

    @property
    def _path(self) -> str:
        return str(self._engine.url.database)

    def _same_file(self) -> None:
        if self._file is None:
            return
        path, identity = self._file
        if _identity(path) != identity:
            raise StoreUnavailable(
                f"the database {path} was removed or replaced while it was in use: stop the actuator, put the right "
                f"file there (without one it begins anew), and start the actuator again"
            )

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the database {self._path} failed: {_sentence(error)}") from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None when there is none that can be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sentence(error: BaseException) -> str:
    # SQLite answers a full disk by ending the transaction, on which the way out then stumbles: the first error counts.
    first, cause = error, error.__context__
    while cause is not None:
        first = cause if isinstance(cause, sqlite3.Error) else first
        cause = cause.__context__
    name = getattr(first, "sqlite_errorname", "")
    for beginning, sentence in _SENTENCES.items():
        if name.startswith(beginning):
            return sentence
    # Without the statement and its values, which a message for the API has no business to show.
    return f"{first}" if isinstance(first, sqlite3.Error) else type(error).__name__
