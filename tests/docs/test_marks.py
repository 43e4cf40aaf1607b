"""Every command block of every page is run by a test, or says why it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import blocks
from tests.docs.pages import PAGES, PLACES, RUN

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_REASON = 120


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.name if page.name != "README.md" else str(page.parent.name)
)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    """A new block has to choose; a place that no test knows is no choice."""
    unmarked = [f"{page}:{block.line}" for block in blocks(page) if block.place is None and block.reason is None]
    unknown = [block.place for block in blocks(page) if block.place and not block.place.startswith(PLACES)]

    assert unmarked == [], "say above it where it runs, <!-- run: node -->, or why not, <!-- not run: needs … -->"
    assert unknown == []


def test_every_page_with_a_block_that_runs_is_run() -> None:
    """No mark promises what no test does."""
    assert {page for page in PAGES if any(block.place for block in blocks(page))} == set(RUN)


def test_a_reason_is_a_sentence_and_not_an_excuse() -> None:
    """It says what a plain machine lacks, or which test does the same."""
    reasons = [block.reason for page in PAGES for block in blocks(page) if block.reason]

    assert reasons
    assert [reason for reason in reasons if not re.match(r"(needs|takes|is|it) ", reason)] == []
    assert [reason for reason in reasons if len(reason) > LONGEST_REASON] == []


def test_a_page_may_say_it_once(tmp_path: Path) -> None:
    """For every block that says nothing itself."""
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run on this page: needs luck -->\n\n    one\n\n<!-- run: node -->\n\n    two\n\nText\n\n    three\n"
    )

    assert [(block.place, block.reason) for block in blocks(page)] == [
        (None, "needs luck"),
        ("node", None),
        (None, "needs luck"),
    ]


def test_blocks_are_found(tmp_path: Path) -> None:
    """Fenced and indented ones, in lists too; data, tables and prose are none."""
    page = tmp_path / "page.md"
    page.write_text(
        "Text:\n\n<!-- run: node -->\n```sh\none\n\n  two\n```\n\n```yaml\nthree: 3\n```\n"
        "\n    four\n\n<!-- not run: needs luck -->\n\n    five\n    six\n\n- item\n    goes on\n"
        "\n<!-- write: node /etc/seven -->\n```yaml\nseven: 7\n```\n"
    )

    assert [(block.line, block.text, block.place, block.reason) for block in blocks(page)] == [
        (5, "one\n\n  two\n", "node", None),
        (14, "four\n", None, None),
        (18, "five\nsix\n", None, "needs luck"),
        (26, "seven: 7\n", "write node /etc/seven", None),
    ]
