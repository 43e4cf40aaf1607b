"""Signals that end a command: the first counts, once it does no harm."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from exporter.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Leave the process as it was."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_the_status_of_a_shell(number: signal.Signals) -> None:
    """128 and the signal."""
    Interrupts(number)
    with pytest.raises(SystemExit) as caught:
        signal.raise_signal(number)

    assert caught.value.code == 128 + number


def test_ctrl_c_is_what_it_always_is() -> None:
    """KeyboardInterrupt."""
    Interrupts(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_it_is_held_back_while_something_must_not_be_left_undone() -> None:
    """The block runs to its end, and then the signal counts."""
    interrupts, done = Interrupts(signal.SIGTERM), []

    def interrupted() -> None:
        with interrupts.held():
            signal.raise_signal(signal.SIGTERM)
            done.append("the rest of the block")

    with pytest.raises(SystemExit):
        interrupted()

    assert done


def test_a_second_one_is_passed_over() -> None:
    """What the first has begun to end is ended."""
    Interrupts(signal.SIGTERM, signal.SIGINT)
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)


def test_what_is_ignored_stays_so() -> None:
    """As nohup wants it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Interrupts(signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
