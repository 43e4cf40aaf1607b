"""The PostgreSQL server: how it is reached, how long it is waited for, and its errors as sentences.

One writer at a time in all processes: each write transaction takes a lock of the whole schema first
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS). A process that stands still in the
middle of one (SIGSTOP, a frozen machine) would hold it for ever, so the server ends a transaction in which nothing
comes.

A commit whose answer was lost on the way may have happened. Every caller may repeat itself: an alert is then a repeat,
and the runner reads the job anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import create_engine, event

from actuator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL, Connection, Engine

WRITERS = 19093
"""First key of the lock that writers take turns by; the second one is the schema."""
IDLE_SECONDS = 2.0
"""How long a transaction may stand still before the server ends it: less than a lease, see `lease`."""
_CONNECT_SECONDS = 3

# By the beginning of the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_SENTENCES = {
    "08": "the connection broke: see that the server runs and that the network to it works",
    "25P03": "it ended a transaction in which nothing came for long; the same can be tried again",
    "25006": "it may only be read: name the primary server under 'database', this one is a standby",
    "28": "it does not let us in: see the user in 'database', the password, and the server's pg_hba.conf",
    "3D000": "there is no such database: create it (createdb), owned by the actuator's user",
    "3F000": "there is no such schema: create it, owned by the actuator's user",
    "40": "it gave another transaction precedence; the same can be tried again",
    "42501": "the user may not do that: let the actuator's user own the database, or its schema",
    "53100": "its disk is full: free some space there",
    "53300": "it has too many connections: raise max_connections, or end other programs' connections",
    "53": "it is out of resources: look at the server's log",
    "55P03": "another transaction holds it locked: see pg_stat_activity for who, and end that",
    "57014": "it took too long: see whether its disk is slow, or pg_stat_activity for who holds it up",
    "57": "it ended the connection, or is stopping or starting: the same can be tried again",
    "58": "reading or writing its disk failed: look at the server's log and the file system's health",
    "XX": "it is damaged or met a defect: look at the server's log",
}


class _Impatient(psycopg.Connection[Any]):
    """A connection that is given up when the server says nothing: its own timeouts need a server that runs."""

    patience = 10.0

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Wait for the server's word, as the base does, but not for ever."""
        return super().wait(self._bounded(gen), *args, **options)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        until = time.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                # The driver looks up at intervals, with nothing ready.
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError(f"the server did not answer for {self.patience:g} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def open_server(url: URL, busy_seconds: float, password: str | None) -> Engine:
    """An engine for the server's database; connects to nothing yet.

    Args:
        url: ``postgresql://`` with user, host and database, and libpq's parameters behind ``?``.
        busy_seconds: How long to wait for another process's transaction; two seconds later a server that says nothing
            is given up.
        password: None leaves it to libpq.

    Raises:
        ConfigurationError: The URL holds a password, or names no database.
    """
    if url.password is not None or "password" in url.query:
        raise ConfigurationError(
            "database: expected no password in the URL: put it into a file and name that under "
            "'database_password_file', or into the environment variable WATTSHIFT_DATABASE_PASSWORD"
        )
    if not url.database:
        raise ConfigurationError("database: expected a database's name, such as postgresql://wattshift@db/wattshift")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), pool_timeout=busy_seconds, pool_pre_ping=True, pool_size=8
    )
    ours = {
        "statement_timeout": f"{busy_seconds + 1:g}s",
        "lock_timeout": f"{busy_seconds:g}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS:g}s",
    }

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> Any:
        own: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "application_name": "wattshift-actuator"}
        own |= parameters
        options = " ".join(f"-c {name}={value}" for name, value in ours.items())
        own["options"] = f"{options} {own.get('options', '')}".strip()
        if password is not None:
            own["password"] = password
        connection = _Impatient.connect(**own)
        connection.patience = busy_seconds + 2
        return connection

    @event.listens_for(engine, "connect")
    def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        # What was answered for is on the server's disk, however carelessly the server is configured.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS}, hashtext(current_schema()))")

    return engine


def prepare_session(connection: Connection, answer_seconds: float) -> None:
    """Let a connection give up early, and not wait for the disk."""
    driver = connection.connection.driver_connection
    if isinstance(driver, _Impatient):
        driver.patience = answer_seconds
    connection.exec_driver_sql("SET synchronous_commit = off")


class PostgresqlServer:
    """What is special about PostgreSQL; see `actuator.adapters.database.Special`."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.url.set(drivername="postgresql", query={}).render_as_string()
        self.reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # Once it has its turn, each statement sees what the writers before have committed.
        self.writer = engine.execution_options(isolation_level="READ COMMITTED", writing=True)

    def hold_on(self, connection: Connection) -> None:
        """Nothing: a server's connection never goes on with a database that was removed."""

    def check_same(self) -> None:
        """Nothing, for the same reason."""

    def sentence(self, error: BaseException) -> str:
        """What the error means to a person."""
        original = getattr(error, "orig", error)
        if not isinstance(original, psycopg.Error):
            return type(error).__name__
        for length in (5, 2):
            if (sentence := _SENTENCES.get((original.sqlstate or "")[:length])) is not None:
                return sentence
        if original.sqlstate is not None:
            # Without the details, which hold values: a message for the API has no business to show them.
            return original.diag.message_primary or original.sqlstate
        # libpq itself: nobody answers, or not in time, or lets us in. Its words never hold the password.
        words = " ".join(str(original).split())
        return f"it cannot be reached: {words}; see that the server runs and lets us in"
