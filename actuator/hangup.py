"""SIGHUP: read the configuration again, the same as ``POST /-/reload``."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

import structlog

from actuator.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

log = structlog.get_logger(__name__)

NAME: Final = "SIGHUP"
"""Who asked, as the log and the audit have it."""


def ignore() -> None:
    """Let the signal do nothing, which by itself ends the process; what starts has just read its files."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def obey(reload: Callable[[str], list[str]]) -> None:
    """Reload at each signal from now on, in a thread, so that nobody who is being served waits for it."""

    def run() -> None:
        try:
            reload(NAME)
        except ConfigurationError:
            pass  # the log has it
        except StoreUnavailable as error:
            log.error("actuator.reload_failed", message=f"nothing was reloaded: {error}")  # noqa: TRY400 - a sentence is enough

    def handle(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=run, name="reload", daemon=True).start()

    signal.signal(signal.SIGHUP, handle)
