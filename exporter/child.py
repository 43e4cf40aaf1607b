"""Child processes that can be relied on to end.

Each runs in a session of its own, so that one signal reaches whatever it started; its two outputs come through one
pipe, so that neither can fill up unread; and it is read with a deadline. A child outlives the exporter only if that is
killed outright: then its next line finds the pipe broken.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_BYTES = 65536  # of one answer; a child that says more is not the program we know
_REASONS = {
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.ENOEXEC: Reason.UNSUPPORTED,  # a program for another kind of machine
}
_GRACE_SECONDS = 1.0  # for exiting by itself once it has closed its output


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child said (both outputs), its exit status (negative: the signal), and how long it took in seconds."""

    text: str
    status: int
    seconds: float


class Child:
    """One running child process: one thread reads and finishes it, any thread may kill it."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], name: str = "") -> None:
        self._name = name or Path(argv[0]).name
        self._began = time.monotonic()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                argv,
                bufsize=0,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, Reason.MISSING)
            raise SourceError(reason, f"cannot start {argv[0]}: {error.strerror}") from error
        self._lock = threading.Lock()
        self._silent = False
        self._reaped = False

    def read(self, seconds: float) -> bytes:
        """Return what it wrote next, or nothing when it has closed its output.

        Raises:
            SourceError: timeout, when it wrote nothing for so long; also when there is no time left at all, whatever
                there is to read, so that a child which never falls silent has its deadline too.
        """
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - Popen was asked for one
        if seconds < 0 or not _ready(pipe.fileno(), seconds):
            raise SourceError(Reason.TIMEOUT, f"{self._name} gave no answer in time")
        part = os.read(pipe.fileno(), _MOST_BYTES)
        self._silent = not part
        return part

    def output(self, seconds: float) -> Ended:
        """Return all it says until it ends, which it must within so many seconds; it has ended when this returns.

        Raises:
            SourceError: timeout; parse, when it says far too much.
        """
        parts: list[bytes] = []
        try:
            while part := self.read(self._began + seconds - time.monotonic()):
                parts.append(part)
                if sum(map(len, parts)) > _MOST_BYTES:
                    raise SourceError(Reason.PARSE, f"{self._name} printed more than {_MOST_BYTES} bytes")
        finally:
            status = self.finish()
        return Ended(b"".join(parts).decode(errors="replace"), status, time.monotonic() - self._began)

    def kill(self) -> None:
        """Kill it with everything in its process group; harmless when it has ended."""
        with self._lock:
            # Until it is reaped its id, and that of its group, cannot be given to anybody else.
            if not self._reaped:
                os.killpg(self._process.pid, signal.SIGKILL)

    def finish(self) -> int:
        """Give a child that closed its output a moment to exit, kill what is left of its group, return its status.

        A process stuck in the kernel dies only when the kernel lets go. Waiting for it here, in its source's own
        thread, is what keeps a second one from being started beside it.
        """
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - Popen was asked for one
        descriptor = os.pidfd_open(self._process.pid)
        try:
            if self._silent:
                _ready(descriptor, _GRACE_SECONDS)
            self.kill()
            _ready(descriptor, None)
        finally:
            os.close(descriptor)
        with self._lock:
            status = self._process.wait()
            self._reaped = True
        pipe.close()
        return status


class Slot:
    """Room for one child at a time, which can be emptied for good from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._closed = False

    def start(self, argv: Sequence[str], environment: Mapping[str, str], name: str = "") -> Child:
        """Start a child; the previous one has been finished by its reader. Errors call it ``name``, if given.

        Raises:
            SourceError: missing or permission, when it cannot be started; busy, when the slot is closed.
        """
        with self._lock:
            if self._closed:
                raise SourceError(Reason.BUSY, "the exporter is stopping")
            self._child = Child(argv, environment, name)
            return self._child

    def close(self) -> None:
        """Kill the child, if any, and start no more."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()


def find_program(name: str, package: str, environment: Mapping[str, str]) -> str:
    """Return the path of ``name`` on the PATH of ``environment``.

    Raises:
        SourceError: missing; the message names the Debian package to install.
    """
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None:
        raise SourceError(Reason.MISSING, f"{name} is not on PATH: install it (apt install {package})")
    return found


def _ready(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()  # select() could not take a descriptor above 1023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))
