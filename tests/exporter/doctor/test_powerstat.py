"""powerstat: the version, and what it gets wrong on this machine."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.doctor.finding import State
from exporter.doctor.powerstat import Facts, check, judge, parse
from exporter.doctor.where import Tools
from exporter.readings import Failure, Reason
from tests.exporter.doctor.world import World, state

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

UP = state("powerstat")
DOWN = state("powerstat", failures=[Failure(Reason.UNSUPPORTED, "why")], up=False)


@pytest.mark.parametrize(
    ("version", "mmio", "expected", "words"),
    [
        ("0.02.27", 0, State.OK, "counts a package twice"),
        ("0.03.00", 1, State.OK, "counts a package twice"),
        ("0.03.01", 1, State.WARNING, "misses 1 of 2"),
        ("0.03.01", 0, State.WARNING, "gives nothing here"),
        ("0.03.02", 0, State.OK, "overlap in its column Watts, and prints debug lines"),
        ("0.03.03", 0, State.OK, "overlap in its column Watts:"),
        ("0.04.05", 0, State.OK, "overlap in its column Watts:"),
    ],
)
def test_each_version_s_fault_is_named(version: str, mmio: int, expected: State, words: str) -> None:
    """And whether it hurts on this machine."""
    fault = judge(Facts(version, "", mmio, 1 + mmio), UP)[0]

    assert fault.state == expected
    assert words in fault.sentence


def test_a_version_that_gives_nothing_here_is_to_be_switched_off() -> None:
    """One finding, not the same again in the source's words."""
    (finding,) = judge(Facts("0.03.01", "", 0, 1), DOWN)

    assert "--no-collector.powerstat" in finding.commands[0]


def test_another_failure_is_told_beside_the_version() -> None:
    """The source's own sentence."""
    assert [finding.sentence for finding in judge(Facts("0.04.05", "", 0, 1), DOWN)][1:] == ["why"]


def test_without_it_nothing_is_missing(tmp_path: Path) -> None:
    """It is the least of the sources."""
    (finding,) = check(World(tmp_path / "machine").where(DOWN))

    assert finding.state == State.ABSENT
    assert "not on PATH" in finding.sentence


def test_a_tool_that_tells_no_version_is_told(tmp_path: Path) -> None:
    """Another program of that name."""
    world = World(tmp_path / "machine")
    world.tool("powerstat", "echo hello; exit 1")

    assert "does not tell its version" in check(world.where(DOWN))[0].sentence


def test_the_real_tool_tells_its_version(toolbox: Toolbox) -> None:
    """Debian's own, by the option that prints it."""
    path = f"{toolbox.find('powerstat').parent}:{os.environ['PATH']}"
    text = Tools(os.environ | {"PATH": path}, deadline=60.0).ask("powerstat", "powerstat", "-h").text

    assert re.fullmatch(r"0\.0\d\.\d\d", parse(text) or "")


@given(st.text())
def test_any_text_is_parsed_and_any_version_judged(text: str) -> None:
    """Never a fault of ours."""
    version = parse(text) or parse(f"powerstat, version {text}\n")

    assert judge(Facts(version, "", 0, 1), UP)


def test_switched_off_it_is_not_judged(tmp_path: Path) -> None:
    """Whatever there is."""
    assert [finding.state for finding in check(World(tmp_path / "machine").where())] == [State.ABSENT]
