"""What is written about Proxmox and Alertmanager is held to by tests that exist."""

from __future__ import annotations

from deploy.lab.pve.releases import PLAYED
from tests.documents import ROOT, missing, named_tests, rows

PAGE = ROOT / "docs" / "proxmox.md"


def test_every_fact_names_tests_that_exist() -> None:
    """A fact without what is done about it, or without a test by that name in that file, is a claim."""
    facts = [row for row in rows(PAGE.read_text()) if row[0] != "fact"]

    assert len(facts) > 50
    for row in facts:
        assert len(row) == 3, row
        assert named_tests(row[2]), row
        assert missing(named_tests(row[2])) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    """Or a name that was changed would go unnoticed."""
    cell = "`tests/actuator/test_proxmox_page.py::test_gone`, `tests/nowhere.py::test_gone`"

    assert missing(named_tests(cell)) == [
        "tests/actuator/test_proxmox_page.py::test_gone",
        "tests/nowhere.py::test_gone",
    ]


def test_the_releases_of_the_page_are_those_that_are_played() -> None:
    """The oldest that is promised and the newest there is."""
    assert f"from {PLAYED[1]} to {PLAYED[-1]}" in PAGE.read_text()
