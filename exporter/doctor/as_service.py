"""Measuring with the service's rights, in a child process that has given root's away.

What it found comes back as JSON: root reads it, and reads no code of a process that has less to lose.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import struct
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.doctor.account import SETGID, SETUID, parse
from exporter.readings import Failure, Reading, Reason, Snapshot, SourceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.doctor.account import Account

# prctl(2) and capset(2); linux/prctl.h, linux/capability.h.
_PDEATHSIG, _KEEPCAPS, _NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_RAISE = 1, 8, 38, 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_PART = 65536
_END = b"\n"
_END_SECONDS = 2.0  # for closing its sources, once told to end


def may_become(account: Account) -> bool:
    """Tell whether this process is somebody else, and may be that account instead."""
    own = _own()
    return os.geteuid() != account.uid and bool(own & SETUID) and bool(own & SETGID)


class Measurer:
    """A child process that measures, with an account's rights or with None our own, and tells what it found."""

    def __init__(self, account: Account | None, measure: Callable[[Callable[[Snapshot], None]], None]) -> None:
        """Start it; there must be no other thread yet, since a fork takes only this one along.

        ``measure`` hands the snapshot to what it is called with.

        Raises:
            OSError: It may not have these rights; it has ended.
        """
        self._pipe, its = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _work(account, measure, its)
        os.close(its)
        denied = int.from_bytes(os.read(self._pipe, 1), "big")
        if denied:
            self.close()
            raise OSError(denied, os.strerror(denied))

    def result(self, seconds: float) -> Snapshot | None:
        """Return what it found, None when it did not tell within so many seconds."""
        until, parts = time.monotonic() + seconds, b""
        while select.select([self._pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            part = os.read(self._pipe, _PART)
            parts += part
            if not part or parts.endswith(_END):
                return decode(parts.decode(errors="replace"))
        return None

    def close(self) -> None:
        """End it, and through it what it started."""
        handle = os.pidfd_open(self._pid)
        os.kill(self._pid, signal.SIGTERM)
        if not select.select([handle], [], [], _END_SECONDS)[0]:
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(handle)
        os.close(self._pipe)


def encode(snapshot: Snapshot) -> str:
    """Return the states of all sources as JSON."""
    return json.dumps([asdict(state) for state in snapshot.states])


def decode(said: str) -> Snapshot | None:
    """Return the snapshot that `encode` was given, None for anything else."""
    try:
        return Snapshot(tuple(_state(row) for row in json.loads(said)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _state(row: dict[str, Any]) -> SourceState:
    readings = tuple(Reading(one["family"], tuple(one["labels"]), float(one["value"])) for one in row["readings"])
    failures = tuple(Failure(Reason(one["reason"]), one["detail"], tuple(one["labels"])) for one in row["failures"])
    errors = {Reason(reason): count for reason, count in row["errors"].items()}
    return SourceState(
        row["source"], row["up"], readings, failures, row["last_success"], row["duration"], errors, row["reads"]
    )


def _work(account: Account | None, measure: Callable[[Callable[[Snapshot], None]], None], pipe: int) -> None:
    """Be the account, measure, tell; never return, whatever happens, into the code of the process this is a copy of."""

    def tell(snapshot: Snapshot) -> None:
        with os.fdopen(pipe, "wb") as out:
            out.write(encode(snapshot).encode() + _END)

    try:
        for number in (signal.SIGINT, signal.SIGHUP):  # a terminal's go to both: the other then ends this one
            signal.signal(number, signal.SIG_IGN)
        os.write(pipe, bytes([_denied(account)]))
        measure(tell)
    except Exception:  # noqa: BLE001 - the copy of a process must end here, and its fault be seen
        traceback.print_exc()
    finally:
        os._exit(0)


def _denied(account: Account | None) -> int:
    """Take the rights on; return 0, or the error number of what is forbidden."""
    try:
        if account:
            _become(account)
        _must(_libc().prctl(_PDEATHSIG, signal.SIGTERM, 0, 0, 0))
    except OSError as error:
        return error.errno or errno.EPERM
    return 0


def _become(account: Account) -> None:
    kept = account.capabilities & _own()
    libc = _libc()
    _must(libc.prctl(_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups(sorted(account.gids))
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    # A header (version, this process), then effective, permitted and inheritable, the low halves before the high ones.
    _must(libc.capset(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), struct.pack("6I", *[low] * 3, *[high] * 3)))
    for bit in range(kept.bit_length()):
        if kept >> bit & 1:  # ambient: what it starts has it too, as the service's children do
            _must(libc.prctl(_CAP_AMBIENT, _AMBIENT_RAISE, bit, 0, 0))
    _must(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))


def _own() -> int:
    """Return this process's own capabilities."""
    found = parse(Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
    return found.capabilities if found else 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _must(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
