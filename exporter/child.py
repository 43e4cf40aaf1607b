"""Child processes that can be relied on to end.

Each runs in a session of its own, so that one signal reaches whatever it started; its two outputs come through one
pipe, so that neither can fill up unread; and it is read with a deadline.

A child outlives the exporter only if that is killed outright. systemd then ends what is left of the service's control
group; elsewhere it stays until it ends by itself: at its next line, which finds the pipe broken, or, an ipmitool that
waits for a silent remote BMC, when it has asked often enough (its options -N and -R). One that hangs for good stays.
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
    errno.ENOSYS: Reason.UNSUPPORTED,  # pidfd_open(2) is there since Linux 5.3
    # No room for one more process or descriptor just now.
    **dict.fromkeys((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM), Reason.BUSY),
}
STOPPING = "the exporter is stopping"
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
        self._handle: int | None = None
        self._silent = False
        self._overdue = False
        self._stopped = False
        self._reaped = False

    def read(self, seconds: float) -> bytes:
        """Return what it wrote next, or nothing when it has closed its output or ended, whoever still holds the pipe.

        Raises:
            SourceError: timeout, when it wrote nothing for so long; also when there is no time left at all, whatever
                there is to read, so that a child which never falls silent has its deadline too; busy or unsupported,
                when it cannot be watched.
        """
        pipe, handle = self._pipe(), self._watch()
        if seconds < 0 or not _ready(seconds, pipe, handle):
            raise SourceError(Reason.TIMEOUT, f"{self._name} gave no answer in time")
        # Looked at again: what an ended child wrote was in the pipe before it ended.
        part = os.read(pipe, _MOST_BYTES) if _ready(0.0, pipe) else b""
        self._silent = not part
        return part

    def output(self, seconds: float) -> Ended:
        """Return all it says until it ends, which it must within so many seconds; it has ended when this returns.

        Raises:
            SourceError: timeout, also for closing its output without ending, since the exit status belongs to the
                answer; parse, when it says far too much; permission, when it could not be killed; busy, when another
                thread killed it, or it could not be watched.
        """
        parts: list[bytes] = []
        try:
            while part := self.read(self._began + seconds - time.monotonic()):
                parts.append(part)
                if sum(map(len, parts)) > _MOST_BYTES:
                    raise SourceError(Reason.PARSE, f"{self._name} printed more than {_MOST_BYTES} bytes")
        finally:
            status = self.finish()
        if status == -signal.SIGKILL and self._stopped:
            raise SourceError(Reason.BUSY, STOPPING)
        if status == -signal.SIGKILL and self._overdue:
            raise SourceError(Reason.TIMEOUT, f"{self._name} closed its output and did not exit")
        return Ended(b"".join(parts).decode(errors="replace"), status, time.monotonic() - self._began)

    def kill(self) -> None:
        """Kill it with everything in its process group; harmless when it has ended, or may not be killed."""
        self._stopped = True
        self._kill()

    def finish(self) -> int:
        """Give a child that closed its output a moment to exit, kill what is left of its group, return its status.

        A process stuck in the kernel dies only when the kernel lets go, and one that took another user's rights (sudo,
        a set-user-ID wrapper) when it likes. Waiting for it here, in its source's own thread, is what keeps a second
        one from being started beside it.

        Raises:
            SourceError: permission, when it could not be killed; it has ended by itself by now.
        """
        ended = self._handle is not None and _ready(_GRACE_SECONDS if self._silent else 0.0, self._handle)
        self._overdue = self._silent and self._handle is not None and not ended
        killed = self._kill() or ended
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            status = self._process.wait()
            self._reaped = True
        killed = self._outlast() and killed
        if self._handle is not None:
            os.close(self._handle)
        if self._process.stdout is not None:
            self._process.stdout.close()
        if not killed:
            raise SourceError(
                Reason.PERMISSION,
                f"{self._name} hung and could not be killed, since it runs as another user: call it without sudo or "
                "set-user-ID, and give this service's user the right to the device",
            )
        return status

    def _kill(self) -> bool:
        """Kill its process group; tell whether that was allowed."""
        with self._lock:
            # Until it is reaped its id, and that of its group, cannot be given to anybody else.
            if not self._reaped:
                try:
                    os.killpg(self._process.pid, signal.SIGKILL)
                except PermissionError:
                    return False
        return True

    def _outlast(self) -> bool:
        """Wait for what it left in its group under another user's rights to let go of the pipe; tell if there is none.

        The group's id may be somebody else's by now: then nobody has the pipe, and there is nothing to wait for.
        """
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            alone = _ready(0.0, self._pipe())
            while os.read(self._pipe(), _MOST_BYTES):
                alone = False
            return alone
        return True

    def _pipe(self) -> int:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - Popen was asked for one
        return pipe.fileno()

    def _watch(self) -> int:
        """Return a descriptor that becomes readable when the child ends."""
        if self._handle is None:
            try:
                self._handle = os.pidfd_open(self._process.pid)
            except OSError as error:
                reason = _REASONS.get(error.errno or 0, Reason.BUSY)
                raise SourceError(reason, f"cannot watch {self._name}: {error.strerror}") from error
        return self._handle


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
                raise SourceError(Reason.BUSY, STOPPING)
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


def _ready(seconds: float, *descriptors: int) -> bool:
    poll = select.poll()  # select() could not take a descriptor above 1023
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
