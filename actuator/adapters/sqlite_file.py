"""The SQLite file: how it is opened and written, and its errors as sentences.

Write-ahead log, so that readers never wait for a writer; ``synchronous=FULL``, so that what was committed survives a
power cut; ``BEGIN IMMEDIATE``, so that a decision is taken and written with no other writer in between
(https://www.sqlite.org/lang_transaction.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event

from actuator.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

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


def open_file(url: URL, busy_seconds: float) -> Engine:
    """An engine for the file; opens nothing yet.

    Args:
        url: ``sqlite:///`` and a path.
        busy_seconds: How long to wait for another process's transaction.
    """
    engine = create_engine(url, connect_args={"timeout": busy_seconds}, pool_timeout=busy_seconds)

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


class SqliteFile:
    """What is special about a SQLite file; see `actuator.adapters.database.Special`."""

    def __init__(self, engine: Engine) -> None:
        self.name = str(engine.url.database)
        self.reader = engine
        self.writer = engine.execution_options(writing=True)
        self._file: tuple[Path, tuple[int, int] | None] | None = None

    def hold_on(self, connection: Connection) -> None:
        """From now on refuse any other file in the place of the one that this connection has open.

        A connection goes on with a removed file as if nothing had happened, and a new one would make an empty file:
        what was answered for would be lost.
        """
        name = connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar_one()
        self._file = Path(name), _identity(Path(name))

    def check_same(self) -> None:
        """Make sure that it is still the file that was held on to.

        Raises:
            StoreUnavailable: It is not.
        """
        if self._file is None:
            return
        path, identity = self._file
        if _identity(path) != identity:
            raise StoreUnavailable(
                f"the database {path} was removed or replaced while it was in use: stop the actuator, put the right "
                f"file there (without one it begins anew), and start the actuator again"
            )

    def sentence(self, error: BaseException) -> str:
        """What the error means to a person."""
        # A full disk ends the transaction by itself, on which the way out then stumbles: the first error counts.
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None when there is none that can be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
