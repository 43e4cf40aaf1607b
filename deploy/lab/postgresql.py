"""A real PostgreSQL server of the lab's own, from Debian's packages: started, stopped and killed at will.

It refuses to run as root, so root runs it as nobody in a user namespace of its own. Over its socket everybody on this
machine is let in; over the loopback with the password only.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg

from deploy.lab.network import free_port
from deploy.lab.processes import ProcessError

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

_NOBODY = 65534
_START_SECONDS = 30.0
_POLL_SECONDS = 0.02


class Postgresql:
    """One server; ``with Postgresql(toolbox) as server`` leaves nothing behind.

    Args:
        toolbox: Where its programs come from.

    Attributes:
        password: Of the user ``wattshift``, which owns everything.
        port: On the loopback, and of the socket.
    """

    def __init__(self, toolbox: Toolbox) -> None:
        self._initdb, self._postgres = (toolbox.find(name).resolve() for name in ("initdb", "postgres"))
        # Short, since a socket's path has room for 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="lab-pg-"))
        self.password = secrets.token_hex(16)
        self.port = free_port()
        self._schemas = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._create()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and wait until it lets in.

        Raises:
            ProcessError: it ended, or let nobody in for long; the message has its last words.
        """
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": "on",
            "shared_buffers": "32MB",
            "max_connections": 60,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._dropped("--pdeathsig", "KILL"), str(self._postgres), "-D", str(self._data), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._lets_in():
            if self._process.poll() is not None or time.monotonic() > deadline:
                message = f"PostgreSQL did not start; its last words:\n{(self.directory / 'log').read_text()[-2000:]}"
                raise ProcessError(message)
            time.sleep(_POLL_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: by default in order but at once; SIGQUIT as a crash of the server does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_START_SECONDS)
            self._process = None

    def close(self) -> None:
        """End it, and remove all it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def admin(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection in which every statement is a transaction."""
        return psycopg.connect(
            host=str(self.directory), port=self.port, user="wattshift", dbname="postgres", autocommit=True
        )

    def new_url(self) -> str:
        """The URL of a schema of its own, in which there is nothing yet; over the socket."""
        self._schemas += 1
        schema = f"s{self._schemas}"
        with self.admin() as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return self.url(schema)

    def url(self, schema: str) -> str:
        """The URL of this schema, over the socket."""
        return (
            f"postgresql://wattshift@/postgres?host={self.directory}&port={self.port}&options=-csearch_path%3D{schema}"
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _create(self) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        # The folder that it is made in may be anybody's; what it is used for syncs.
        options = ["--no-sync", "--username=wattshift", "--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={password}"]
        how = ["--auth-local=trust", "--auth-host=scram-sha-256"]
        done = subprocess.run(
            [*self._dropped(), str(self._initdb), "-D", str(self._data), *options, *how],
            capture_output=True,
            cwd=self.directory,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            message = f"initdb failed: {done.stderr.decode()[-1000:]}"
            raise ProcessError(message)

    def _dropped(self, *options: str) -> list[str]:
        """The start of a command that is nobody to itself, where we are root; it ends with us, where that can be had.

        To everybody else it stays root (user_namespaces(7)), so that it may lie, and write, in a folder of root's own.
        """
        setpriv = [shutil.which("setpriv") or "", *options] if options and shutil.which("setpriv") else []
        if os.geteuid() != 0:
            return setpriv
        unshare = shutil.which("unshare")
        if unshare is None:
            message = "unshare is not on this machine, and PostgreSQL refuses to run as root: install util-linux."
            raise ProcessError(message)
        return [unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", *setpriv]

    def _lets_in(self) -> bool:
        try:
            self.admin().close()
        except psycopg.OperationalError:
            return False
        return True
