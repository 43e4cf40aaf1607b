"""The page on waking, compared with the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.waking import Cause, Name
from actuator.workflow.stages import Stage

if TYPE_CHECKING:
    from enum import StrEnum

PAGE = Path(__file__).parents[2] / "docs" / "waking.md"


@pytest.mark.parametrize(("heading", "words"), [("method", Name), ("cause", Cause), ("stage", Stage)])
def test_every_word_is_documented_and_none_that_is_not_there(heading: str, words: type[StrEnum]) -> None:
    """In the program's order."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)

    assert table is not None
    assert re.findall(r"^\| `(\w+)` \|", table[1], re.MULTILINE) == [str(word) for word in words]
