"""The reference is what the code says, and the code says what everything means."""

from __future__ import annotations

import argparse
import re
from enum import StrEnum
from pathlib import Path

import pytest

from actuator.cli import make_parser
from deploy.reference.docstrings import Undocumented, meaning, members
from deploy.reference.pages import FOLDER, pages

PAGES = ["settings.md", "flags.md", "metrics.md", "reasons.md", "openapi.json"]


class Bare(StrEnum):
    """A closed set with a member that says nothing."""

    KNOWN = "known"  # with its meaning
    BARE = "bare"


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """The pages, as the code has them now."""
    return pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_code_says(name: str, written: dict[str, str]) -> None:
    """Whoever changes a setting, flag, metric, word or call commits its page too: `make reference`."""
    assert (FOLDER / name).read_text() == written[name], "run `make reference` and commit docs/reference"


def test_no_page_is_left_over(written: dict[str, str]) -> None:
    """Every file of the folder is written by the code, but for the page that leads to the others."""
    assert {path.name for path in FOLDER.iterdir()} == set(written) | {"README.md"} == set(PAGES) | {"README.md"}


def test_a_key_of_every_part_is_there(written: dict[str, str]) -> None:
    """Nested parts, lists and names as keys are followed to their last key, with default and bounds."""
    rows = written["settings.md"].splitlines()

    assert [
        row for row in rows if row.startswith("| `timing.boot_timeout_seconds` | number, from 1 to 86400 | `300` |")
    ]
    assert [
        row for row in rows if row.startswith("| `nodes.NAME.wake.ipmi.port` | whole number, from 1 to 65535 | `623` |")
    ]
    assert [
        row for row in rows if row.startswith("| `tokens[].scopes` | list: one of `alert`, `read`, `operate` | req")
    ]


def test_every_command_that_calls_an_actuator_is_told(written: dict[str, str]) -> None:
    """Those that take the flag ``--url``, and no other."""
    told = re.search(r"## Where the actuator is\n\nOf (.*), which call it", written["flags.md"])
    commands = next(action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    calling = {name for name, parser in commands.choices.items() if "--url" in parser.format_help()}

    assert told
    assert calling
    assert set(re.findall(r"`([a-z-]+)`", told[1])) == calling


def test_no_place_of_this_machine_is_in_a_page(written: dict[str, str]) -> None:
    """What one machine writes is what another one compares."""
    assert not [name for name, text in written.items() if str(Path.cwd()) in text or "/tmp/" in text]  # noqa: S108


def test_what_has_no_meaning_is_told_with_its_place() -> None:
    """A member without a comment and an attribute without a line are not passed over."""
    with pytest.raises(Undocumented, match=r"Bare: write behind bare what it means"):
        members(Bare)
    with pytest.raises(Undocumented, match=r"no line for 'value' under Attributes"):
        meaning(Bare, "value")
