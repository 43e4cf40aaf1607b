"""Every link within the tree leads somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from deploy.reference.pages import FOLDER
from tests.deploy.source_tree import ROOT
from tests.docs.pages import PAGES

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"\[[^\]]*\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the name by which each heading of a page is led to, as code hosts make them."""
    headings = _HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading."""
    found = []
    for file, heading in _LINK.findall(page.read_text()):
        target = (page.parent / file) if file else page
        if not target.exists() or (heading and heading not in anchors(target)):
            found.append(f"{file}#{heading}")
    return found


@pytest.mark.parametrize("page", [*PAGES, *sorted(FOLDER.glob("*.md"))], ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    """Pages are moved and headings renamed; whoever does so finds the links here."""
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    """The check above is one that can fail, for a file as for a heading."""
    page = tmp_path / "page.md"
    page.write_text("# 1. A *heading*\n[a](#1-a-heading) [b](#nowhere) [c](page.md) [d](gone.md)\n")

    assert broken(page) == ["#nowhere", "gone.md#"]
