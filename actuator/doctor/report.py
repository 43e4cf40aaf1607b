"""The checks in their order, and what they found as text or as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.commands.screen import printable
from actuator.doctor import (
    alertmanager,
    certificates,
    clock,
    database,
    endpoints,
    privileges,
    prometheus,
    quorum,
    rebalancing,
    secrets,
    wake,
)
from actuator.doctor.finding import Block, Finding, State, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actuator.doctor.facts import Facts

CHECKS: tuple[tuple[str, Callable[[Facts], list[Finding]]], ...] = tuple(
    (check.TITLE, check.check)
    for check in (
        endpoints,
        privileges,
        quorum,
        wake,
        clock,
        rebalancing,
        prometheus,
        alertmanager,
        database,
        certificates,
        secrets,
    )
)

_COLOURS = {State.OK: "32", State.WARNING: "33", State.PROBLEM: "31"}
_WIDTH = max(map(len, State))


def examine(facts: Facts) -> list[Block]:
    """Run every check; one that fails is a finding, so that it does not hide the others."""
    blocks = []
    for title, check in CHECKS:
        try:
            found = check(facts)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one check must not hide the others
            found = [problem(f"this check failed, which is a fault of it: {type(error).__name__}: {error}")]
        blocks.append(Block(title, tuple(found)))
    return blocks


def has_problem(blocks: Sequence[Block]) -> bool:
    """Tell whether anything is found that does not work."""
    return any(finding.state is State.PROBLEM for block in blocks for finding in block.findings)


def render(blocks: Sequence[Block], *, colour: bool) -> str:
    """Return the blocks as text: a line for each finding, its commands below it, and a verdict."""
    lines = []
    for block in blocks:
        lines.append(_paint(block.title, "1", colour=colour))
        for finding in block.findings:
            mark = _paint(f"{finding.state:<{_WIDTH}}", _COLOURS[finding.state], colour=colour)
            lines.append(f"  {mark}  {printable(finding.sentence)}")
            lines += [f"  {'':<{_WIDTH}}    $ {printable(command)}" for command in finding.commands]
        lines.append("")
    return "\n".join([*lines, _verdict(blocks)])


def document(blocks: Sequence[Block]) -> dict[str, Any]:
    """Return the blocks as plain values, for JSON."""
    return {
        "ok": not has_problem(blocks),
        "checks": [
            {
                "title": block.title,
                "findings": [
                    {"state": str(each.state), "sentence": each.sentence, "commands": list(each.commands)}
                    for each in block.findings
                ],
            }
            for block in blocks
        ],
    }


def _verdict(blocks: Sequence[Block]) -> str:
    count = {state: sum(each.state is state for block in blocks for each in block.findings) for state in State}
    told = ", ".join(
        f"{count[state]} {state}{'s' if count[state] > 1 else ''}"
        for state in (State.PROBLEM, State.WARNING)
        if count[state]
    )
    return f"Found: {told}." if told else "Everything is as it should be."


def _paint(text: str, code: str, *, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text
