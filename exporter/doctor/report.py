"""The checks, side by side and each with an end, and what they found as text for a person."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from exporter.doctor import bmc, files, guests, hwmon, node, powerstat, rapl, service, wake, watchdog
from exporter.doctor.finding import Block, Finding, State, problem
from exporter.readings import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from exporter.doctor.where import Where

CHECKS: tuple[tuple[str, Callable[[Where], list[Finding]]], ...] = tuple(
    (check.TITLE, check.check) for check in (node, service, files, rapl, bmc, hwmon, powerstat, guests, wake, watchdog)
)

POWER = frozenset({rapl.TITLE, bmc.TITLE, hwmon.TITLE, powerstat.TITLE})
"""The checks of what can give power."""

_COLOURS = {State.OK: "32", State.WARNING: "33", State.PROBLEM: "31", State.ABSENT: "2"}
_WIDTH = max(map(len, State))


def examine(
    where: Where, checks: Sequence[tuple[str, Callable[[Where], list[Finding]]]], seconds: float
) -> list[Block]:
    """Run the checks side by side; one that has not ended after so many seconds is told as that."""
    found: dict[str, list[Finding]] = {}

    def run(title: str, check: Callable[[Where], list[Finding]]) -> None:
        try:
            found[title] = check(where)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one check must not hide the others
            found[title] = [problem(f"this check failed, which is a fault of it: {type(error).__name__}: {error}")]

    # Daemons, since a file of a cluster file system or a driver can hang for ever, and the program must end.
    threads = [threading.Thread(target=run, args=check, name=check[0], daemon=True) for check in checks]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = [problem(f"no end after {seconds:g} s: what it looks at hangs")]
    return [Block(title, tuple(found.get(title, late))) for title, _ in checks]


def render(blocks: Sequence[Block], *, colour: bool) -> str:
    """Return the blocks as text: a line for each finding, its commands below it."""
    lines = []
    for block in blocks:
        lines.append(_paint(block.title, "1", colour=colour))
        for finding in block.findings:
            mark = _paint(f"{finding.state:<{_WIDTH}}", _COLOURS[finding.state], colour=colour)
            lines.append(f"  {mark}  {printable(finding.sentence)}")
            lines += [f"  {'':<{_WIDTH}}    $ {printable(command)}" for command in finding.commands]
        lines.append("")
    return "\n".join(lines)


def _paint(text: str, code: str, *, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text
