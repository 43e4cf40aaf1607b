"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    """As it should be, or good to know."""
    WARNING = "warning"
    """It works, but not always, not for everybody, or not as safely as it could."""
    PROBLEM = "problem"
    """It does not work, and can be mended."""
    ABSENT = "absent"
    """This machine does not have it, or was told not to use it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and the commands, for root on this node, that mend what it names."""

    state: State
    sentence: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """All that one check found."""

    title: str
    findings: tuple[Finding, ...]


def ok(sentence: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(State.OK, sentence)


def warning(sentence: str, *commands: str) -> Finding:
    """Return a finding of something that works, with a reservation."""
    return Finding(State.WARNING, sentence, commands)


def problem(sentence: str, *commands: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(State.PROBLEM, sentence, commands)


def absent(sentence: str, *commands: str) -> Finding:
    """Return a finding of something that is not there."""
    return Finding(State.ABSENT, sentence, commands)


def add_flag(flag: str) -> tuple[str, str]:
    """Return the commands by which the service is started with one more flag."""
    return edit(f"add {flag} to ARGS")


def edit(what: str) -> tuple[str, str]:
    """Return the commands by which a setting of the service's is changed, and ``what`` is to be changed."""
    return (
        f"editor /etc/default/wattshift-exporter  # {what}",
        "systemctl restart wattshift-exporter",
    )
