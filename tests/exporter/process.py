"""The real exporter as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROGRAM = Path(sys.executable).parent / "wattshift-exporter"
_PATIENCE = 120.0  # seconds; far more than anything here takes


class Running:
    """An exporter that serves: its address, its log so far, and its metrics."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._listening = threading.Event()
        self.log: list[str] = []
        self.url = ""
        self._reader = threading.Thread(target=self._follow)
        self._reader.start()
        assert self._listening.wait(_PATIENCE), self.log
        assert self.url, self.log

    def _follow(self) -> None:
        for line in self._process.stderr or ():
            self.log.append(line)
            if "listening on " in line:
                self.url = line.split("listening on ")[1].strip()
                self._listening.set()
        self._listening.set()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def metrics(self) -> str:
        """Return one scrape."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=_PATIENCE) as response:  # noqa: S310 - our own URL
            return str(response.read().decode())

    def metrics_when(self, ready: Callable[[str], bool]) -> str:
        """Scrape until ``ready`` says that what was waited for is shown; return that scrape."""
        until = time.monotonic() + _PATIENCE
        while not ready(text := self.metrics()):
            assert time.monotonic() < until, text
            time.sleep(0.02)  # there is no event to wait for on the other side of HTTP
        return text

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit status."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, return the exit status."""
        status = self._process.wait(_PATIENCE)
        self._reader.join()
        return status


@contextmanager
def serving(path: str, *flags: str) -> Iterator[Running]:
    """Run an exporter on a free port with this PATH; it is gone when the block ends."""
    with subprocess.Popen(
        [str(PROGRAM), "--web.listen-address=127.0.0.1:0", *flags],
        env=_environment(path),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def run(path: str, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [str(PROGRAM), *argv],
        env=_environment(path),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def _environment(path: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "IPMI_PASSWORD"} | {"PATH": path}
