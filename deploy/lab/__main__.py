"""``python -m deploy.lab``: the demo, with an end to it at any moment."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTED = 130
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the demo until it ends or is ended; return its exit status."""
    for number in _ENDINGS:
        signal.signal(number, _interrupt)
    try:
        from deploy.lab.command import run  # noqa: PLC0415 - takes a moment, in which Ctrl-C is to work already

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has been ended.")
        return _INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The clean-up that follows is short, and a second Ctrl-C must not leave half of it undone.
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
