"""The page about the command line says what the program is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actuator.cli import main
from actuator.doctor.report import CHECKS

if TYPE_CHECKING:
    from _pytest.capture import CaptureFixture

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()


def test_every_command_and_check_is_on_the_page(capsys: CaptureFixture[str]) -> None:
    """A command or a check that the program has is documented, by its name."""
    with pytest.raises(SystemExit):
        main(["--help"])
    found = re.search(r"\{([a-z,-]+)\}", capsys.readouterr().out)
    assert found is not None
    commands = found[1].split(",")

    assert [name for name in commands if f"`{name}" not in PAGE] == []
    assert [title for title, _ in CHECKS if f"| {title} |" not in PAGE] == []


@pytest.mark.parametrize("command", ["jobs", "jobs follow", "plan", "wake", "clear-quarantine", "doctor"])
def test_every_command_explains_itself(command: str, capsys: CaptureFixture[str]) -> None:
    """--help of each ends well and describes it."""
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])

    assert left.value.code == 0
    assert f"usage: wattshift-actuator {command}" in capsys.readouterr().out
