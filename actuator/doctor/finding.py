"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    """As it should be, or good to know."""
    WARNING = "warning"
    """It works, but not always, or not as safely as it could."""
    PROBLEM = "problem"
    """It does not work, and can be mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and the commands that mend what it names.

    Attributes:
        state: How much it matters.
        sentence: For a person.
        commands: In their order; where one is not for this machine, a comment says where.
    """

    state: State
    sentence: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """All that one check found.

    Attributes:
        title: What it is about.
        findings: In order.
    """

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
