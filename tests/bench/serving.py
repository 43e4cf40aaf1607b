"""A program that serves on loopback, from its start until nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.scraper import Scraper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A program that serves: its process and where."""

    pid: int
    port: int

    def scraper(self, path: str = "/metrics", patience: float = PATIENCE_SECONDS) -> Scraper:
        """Return a connection that asks for ``path`` and waits so many seconds for each part of an answer."""
        return Scraper(self.port, path, patience)


@contextmanager
def serving(command: Sequence[str], port: int, log: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """Run a program that listens on ``port``, with its output in ``log``; what it started ends with it.

    Raises:
        RuntimeError: it does not serve; the message has its last words.
    """
    with (
        log.open("a") as output,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            _wait_for(process, port, log)
            yield Running(process.pid, port)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # itself, should it not have ended, and its children


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1.0):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{process.args!r} does not serve: {log.read_text()[-2000:]}") from error
        time.sleep(0.02)  # there is no event to wait for in a program that is not ours
