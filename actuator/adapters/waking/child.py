"""One child process with a deadline, killed with everything it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from actuator.adapters.waking.method import Cause, NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_BYTES = 16_384  # of what it says; ipmitool's answers have some hundred


def run(argv: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Run a program to its end; returns its exit status and what it said on both outputs.

    It has no other environment than the given one, and a session of its own, so that one signal reaches all of it.

    Raises:
        NotAsked: program_missing; timeout, when it has not ended in so many seconds.
    """
    program = shutil.which(argv[0], path=environment.get("PATH", os.defpath))
    if program is None:
        raise NotAsked(Cause.PROGRAM_MISSING, f"{argv[0]} is not on PATH: install it (apt install {argv[0]})")
    try:
        child = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            [program, *argv[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NotAsked(Cause.PROGRAM_MISSING, f"{program} cannot be started ({error.strerror})") from error
    try:
        said, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise NotAsked(Cause.TIMEOUT, f"{argv[0]} did not end in {seconds:g} s") from None
    finally:
        _end(child)
    return child.returncode, said[-_MOST_BYTES:].decode(errors="replace")


def _end(child: subprocess.Popen[bytes]) -> None:
    # Also when it ended by itself: what it may have left in its group is nobody else's. Its id is safe to use as long
    # as either the child is not reaped or the group has a member; with neither there is nothing to end.
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
