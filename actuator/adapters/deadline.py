"""A deadline for a call as a whole.

The time limits of sockets are for each piece that arrives: a peer that sends a byte now and then keeps a call for ever,
and with it whoever waits for it.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Overdue(Exception):
    """The call has not ended in time. It is left to itself, so what it uses is to be used by nobody else any more."""


def within(seconds: float, call: Callable[[], T], given_up: threading.Event | None = None) -> T:
    """Return what ``call`` returns, or raise what it raises.

    Args:
        seconds: How long it is waited for.
        call: In a thread of its own.
        given_up: Set when it is waited for no longer, for a call that can end by itself then.

    Raises:
        Overdue: It has not ended after so many seconds.
    """
    answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answers.put((None, error))

    # A daemon, so that a call that never ends does not keep the process from ending.
    threading.Thread(target=run, name="call", daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except Empty:
        if given_up is not None:
            given_up.set()
        raise Overdue from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # None only if that is what the call returned
