"""Command blocks of a Markdown page, and what the page says about running them.

A block is fenced and of the language ``sh``, or indented. The line before it, in an HTML comment that no reader sees,
says where a test runs it, ``<!-- run: PLACE -->`` or ``<!-- run: PLACE in FOLDER -->``, or why none does,
``<!-- not run: REASON -->``; ``<!-- not run on this page: REASON -->`` is for every block that says nothing itself. Any
other block may be a file's content, where ``<!-- write: PLACE FILE -->`` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MARK = re.compile(r"<!-- (run|not run|write): (.+) -->")
_WHOLE = re.compile(r"^<!-- not run on this page: (.+) -->$", re.MULTILINE)
_FENCE = re.compile(r"( *)```(\w*)$")


@dataclass(frozen=True)
class Block:
    """Commands on a page.

    Attributes:
        page: The page's file.
        line: Of its first command, from 1.
        text: The commands.
        place: Where they are run; None when they are not.
        reason: Why they are not; None when they are.
    """

    page: Path
    line: int
    text: str
    place: str | None
    reason: str | None


def blocks(page: Path) -> list[Block]:
    """Return the command blocks of a page, in their order."""
    found: list[Block] = []
    text = page.read_text()
    lines = text.splitlines()
    whole = _WHOLE.search(text)
    of_page = ("not run", whole[1]) if whole else ("", "")
    mark = of_page
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.match(line)
        if fence is not None:
            end = next(index for index in range(number + 1, len(lines)) if lines[index].strip() == "```")
            body = [inner.removeprefix(fence[1]) for inner in lines[number + 1 : end]]
            if fence[2] == "sh" or mark[0] == "write":
                found.append(_block(page, number + 2, body, mark))
            number = end + 1
        elif line.startswith("    ") and not (number and lines[number - 1].strip()):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
                end += 1
            found.append(_block(page, number + 1, [inner[4:] for inner in lines[number:end]], mark))
            number = end
        else:
            number += 1
        told = _MARK.fullmatch(line.strip())
        mark = (told[1], told[2]) if told else mark if not line.strip() else of_page
    return found


def _block(page: Path, line: int, body: list[str], mark: tuple[str, str]) -> Block:
    kind, told = mark
    place = told if kind == "run" else f"write {told}" if kind == "write" else None
    reason = told if kind == "not run" else None
    return Block(page, line, "\n".join(body).rstrip() + "\n", place, reason)
