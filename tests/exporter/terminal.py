"""A terminal of the test's: the real program behind a pseudo-terminal, and the screen a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ENTER, LEAVE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
_PATIENCE = 60.0
_CONTROL = re.compile(r"\033\[\??[0-9]*[A-Za-z]")


class Terminal:
    """What a process wrote to its terminal so far."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.text = ""

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self._master)

    def frame_when(self, ready: Callable[[str], bool]) -> str:
        """Return the first whole frame from now on for which ``ready`` holds, without control sequences."""
        from_now = len(self.text)
        until = time.monotonic() + _PATIENCE
        while True:
            *frames, _ = self.text[from_now:].split("\033[J")
            for frame in frames:
                shown = _CONTROL.sub("", frame).replace("\r\n", "\n")
                if ready(shown):
                    return shown
            assert time.monotonic() < until, self.text
            assert self._read(), self.text

    def more(self) -> bool:
        """Read on; False when nothing more comes."""
        return self._read()

    def end(self) -> int:
        """Return the exit status, everything read."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], _PATIENCE)[0]:
            raise TimeoutError(self.text)
        try:
            part = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += part.decode()
        return bool(part)


@contextmanager
def terminal(
    argv: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (100, 30)
) -> Iterator[Terminal]:
    """Run a program on a terminal of its own, which is its controlling one, so that Ctrl-C reaches it.

    Also where SIGINT is ignored, as in what a shell script puts into the background.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    with subprocess.Popen(
        ["env", "--default-signal=INT", "setsid", "--ctty", *argv],
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
