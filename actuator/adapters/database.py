"""The database, SQLite or PostgreSQL: transactions from any thread, and every failure as one sentence.

What differs between the two is in `sqlite_file` and `postgresql`; what holds for both is here. Writers take turns from
their first read on, so a decision is taken and written with no other writer in between; readers see one moment.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from actuator.adapters.postgresql import PostgresqlServer, open_server, prepare_session
from actuator.adapters.sqlite_file import SqliteFile, open_file
from actuator.adapters.turn import Turn
from actuator.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED = (
    "expected a file, such as sqlite:////var/lib/wattshift/actuator.db, "
    "or a server, such as postgresql://wattshift@db.example/wattshift"
)


class Special(Protocol):
    """What each kind of database does its own way."""

    @property
    def name(self) -> str:
        """Which one it is, for messages; never with a password."""

    @property
    def reader(self) -> Engine:
        """Begins transactions that only read, all of it of one moment."""

    @property
    def writer(self) -> Engine:
        """Begins transactions that are alone from their first read on."""

    def hold_on(self, connection: Connection) -> None:
        """From now on `check_same` refuses any other database than this connection's."""

    def check_same(self) -> None:
        """Raise `StoreUnavailable` when another database lies in the place of the one held on to."""

    def sentence(self, error: BaseException) -> str:
        """What the error means to a person, with the next thing to do; never with what was being written."""


def open_engine(url: str, *, busy_seconds: float = 5.0, password: str | None = None) -> Engine:
    """An engine for the database; opens nothing yet.

    Args:
        url: ``sqlite:///`` and a path, or ``postgresql://`` with user, host and database.
        busy_seconds: How long to wait for another process's transaction.
        password: PostgreSQL's; None leaves it to libpq (peer authentication, a password file).

    Raises:
        ConfigurationError: It is no URL of either; the message never repeats a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"database: not a database URL; {EXPECTED}") from None
    if parsed.get_backend_name() == "postgresql":
        return open_server(parsed, busy_seconds, password)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(f"database: {parsed.get_backend_name()} is not supported; {EXPECTED}")
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(f"database: nothing in memory survives a restart; {EXPECTED}")
    return open_file(parsed, busy_seconds)


class Database:
    """Transactions on one engine, from any thread; every database error leaves as `StoreUnavailable`.

    Args:
        engine: From `open_engine`.

    Attributes:
        engine: The same.
        newest_write_failed: Whether the newest write, of any thread, was not taken; what it said is no failure.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        server = engine.dialect.name == "postgresql"
        self._special: Special = PostgresqlServer(engine) if server else SqliteFile(engine)
        # SQLite lets waiting writers poll with growing pauses; a queue of our own threads costs none.
        self._turn = Turn()
        self._patience = engine.pool.timeout()  # type: ignore[attr-defined]  # a QueuePool, by open_engine
        self.newest_write_failed = False

    def hold_on(self, connection: Connection) -> None:
        """From now on refuse any other database in the place of the one that this connection has open."""
        self._special.hold_on(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent look: all reads inside see the same moment."""
        self._special.check_same()
        with self.sentences(), self._special.reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction, alone from its first read on: all of it is on disk afterwards, or nothing."""
        if not self._turn.acquire(timeout=self._patience):
            self.newest_write_failed = True
            raise StoreUnavailable(
                f"the database {self._special.name} is busy: earlier writes took longer than {self._patience:g} s; "
                f"see whether its disk is slow or full"
            )
        try:
            self._special.check_same()
            with self.sentences(), self._special.writer.begin() as connection:
                yield connection
            self._special.check_same()
            self.newest_write_failed = False
        except StoreUnavailable:
            self.newest_write_failed = True
            raise
        finally:
            self._turn.release()

    def session(self, answer_seconds: float) -> Connection:
        """A connection of one's own to the server, in which each statement is a transaction that need not be durable.

        To be invalidated after use, since it is not like the others.

        Args:
            answer_seconds: How long a statement may take before the connection is given up.

        Raises:
            StoreUnavailable: There is none to be had.
        """
        with self.sentences():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            prepare_session(connection, answer_seconds)
            return connection

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Let every database error leave as `StoreUnavailable`."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreUnavailable(
                f"the database {self._special.name} failed: {self._special.sentence(error)}"
            ) from error

    def close(self) -> None:
        """Close all idle connections."""
        self.engine.dispose()
