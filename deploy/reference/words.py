"""The page of closed sets: reasons, states, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.adapters.waking import Cause
from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from deploy.reference.docstrings import members
from deploy.reference.markdown import WRITTEN, code, sentence, table

if TYPE_CHECKING:
    from enum import StrEnum

_SETS: tuple[tuple[str, str, type[StrEnum]], ...] = (
    (
        "Reasons",
        """\
Why something was, or was not, set in motion: the field `reason` of an answer, of a job, and of a line of the log and
the audit, and the label of `wattshift_decisions_total`. A sentence with the next thing to do is always beside it.""",
        Reason,
    ),
    ("States of a job", "The field `state`, and the label of `wattshift_jobs`.", JobState),
    ("Failures", "Why a job failed: the field `failure`, and the label of `wattshift_failed_jobs`.", Failure),
    (
        "Causes",
        "Why a way of waking could not ask: the field `cause` in a job's events. See [Waking](../waking.md).",
        Cause,
    ),
)


def page() -> str:
    """Return the page."""
    parts = [
        f"## {title}\n\n{about}\n\n"
        + table(("word", "meaning"), ((code(word), sentence(meaning)) for word, meaning in members(words).items()))
        for title, about, words in _SETS
    ]
    return "\n".join([f"{WRITTEN}# The actuator's words\n\nClosed sets: no other word is ever used.\n", *parts])
