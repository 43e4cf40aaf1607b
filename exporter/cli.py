"""``wattshift-exporter``: flags to settings, settings to a running command."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from exporter import flags
from exporter.service import serve
from exporter.show import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.settings import Settings


def _doctor(settings: Settings) -> int:
    from exporter.doctor.command import doctor  # noqa: PLC0415 - serve need not keep the doctor in memory

    return doctor(settings)


_COMMANDS: dict[str, Callable[[Settings], int]] = {"serve": serve, "read": read, "doctor": _doctor}

_NO_READER = (errno.EPIPE, errno.EIO)  # of a pipe; of a terminal whose window was closed
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)
_UNWRITABLE = 74  # EX_IOERR of sysexits.h


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OSError as error:
        if error.errno not in (*_NO_READER, *_NO_ROOM) or error.filename is not None:
            raise
        # Python flushes once more at its end, and must find somewhere to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno in _NO_READER:  # nobody reads on (`| head`)
            return 128 + signal.SIGPIPE
        return _unwritable(error.strerror or str(error))


def _run(argv: Sequence[str]) -> int:
    argv, environment, note = _adopt(argv)
    command, settings = flags.parse(argv, environment)
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if sys.stdout is None:  # closed before the start (`>&-`)
        return _COMMANDS[command](settings) if command == "serve" else _unwritable(os.strerror(errno.EBADF))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a node's name need not fit the terminal's encoding
    if note:
        sys.stdout.write(f"{note}\n\n")
        sys.stdout.flush()
    status = _COMMANDS[command](settings)
    sys.stdout.flush()
    return status


def _adopt(argv: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str], str]:
    """Return the arguments, the environment and what to say of them; the doctor's may be the service's."""
    if "doctor" not in argv:
        return argv, os.environ, ""
    from exporter.doctor.service_settings import adopt  # noqa: PLC0415 - serve need not keep the doctor in memory

    return adopt(argv, os.environ)


def _unwritable(why: str) -> int:
    sys.stderr.write(f"wattshift-exporter: cannot write to standard output: {why}\n")
    return _UNWRITABLE
