"""The lab's real processes: started, watched, and ended by their own id, whatever happens to us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx2 as httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_END_SECONDS = 8.0
_POLL_SECONDS = 0.05


class ProcessError(Exception):
    """A process of the lab did not start or ended early; the message carries its last words."""


@dataclass(slots=True)
class Processes:
    """Every process the lab has started, with one log file each under ``directory``.

    Whatever has not ended ``patience`` seconds after it was told to is killed.
    """

    directory: Path
    patience: float = _END_SECONDS
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start ``command`` with its output in ``<name>.log``; a process of that name that ended is replaced.

        The child is its own session, so a Ctrl-C at the terminal reaches only us and we end the children in order;
        should we be killed outright, the kernel ends them (setpriv(1) --pdeathsig, prctl(2) PR_SET_PDEATHSIG).

        Raises:
            ProcessError: the program cannot be started, or the lab is being taken down.
        """
        if shutil.which(command[0]) is None:
            message = f"{name} cannot be started: there is no program {command[0]}"
            raise ProcessError(message)
        setpriv = shutil.which("setpriv")
        tied = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        with self._guard:
            if self._closed:
                message = f"{name} not started: the lab is being taken down"
                raise ProcessError(message)
            if (old := self._running.get(name)) is not None and old.poll() is None:
                message = f"{name} runs already"
                raise ProcessError(message)
            try:
                with self._log(name).open("ab") as log:
                    self._running[name] = subprocess.Popen(
                        [*tied, *map(str, command)],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, **(environment or {})},
                        start_new_session=True,
                    )
            except OSError as error:
                message = f"{name} cannot be started: {error}"
                raise ProcessError(message) from error

    def await_http(self, name: str, url: str, *, seconds: float) -> None:
        """Wait until ``url`` answers 200.

        Raises:
            ProcessError: the process ended, or gave no such answer within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        with httpx.Client(timeout=2.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                self.check(name)
                try:
                    if client.get(url).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(_POLL_SECONDS)
        message = f"{name} did not answer at {url} within {seconds:.0f} s; its last words:\n{self.last_words(name)}"
        raise ProcessError(message)

    def check(self, name: str | None = None) -> None:
        """Do nothing while the named process (by default each one) runs.

        Raises:
            ProcessError: it has ended.
        """
        with self._guard:
            watched = {name: self._running[name]} if name else dict(self._running)
        for each, process in watched.items():
            if process.poll() is not None:
                message = f"{each} ended with status {process.returncode}; its last words:\n{self.last_words(each)}"
                raise ProcessError(message)

    def pid(self, name: str) -> int:
        """The process id of ``name``."""
        with self._guard:
            return self._running[name].pid

    def last_words(self, name: str, lines: int = 15) -> str:
        """The end of the process's log."""
        log = self._log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

    def kill(self, name: str) -> None:
        """End one process at once with SIGKILL, as a power cut does; unknown and ended names are fine."""
        with self._guard:
            process = self._running.pop(name, None)
        if process is not None:
            _end([process], signal.SIGKILL, self.patience)

    def stop(self) -> None:
        """End everything: SIGTERM to all, then SIGKILL to what is left; safe to call twice."""
        with self._guard:
            self._closed = True
            processes = list(self._running.values())
            self._running.clear()
        _end(processes, signal.SIGTERM, self.patience)

    def _log(self, name: str) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        return self.directory / f"{name}.log"


def _end(processes: list[subprocess.Popen[bytes]], first: signal.Signals, patience: float) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(first)
    deadline = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
