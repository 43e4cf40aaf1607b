"""The checks side by side, and their text."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from exporter.doctor.account import Account, configured
from exporter.doctor.finding import Block, Finding, State, ok, problem
from exporter.doctor.report import examine, render
from exporter.doctor.rights import look
from exporter.doctor.where import Tools, with_sbin
from exporter.readings import Reason, SourceError
from tests.exporter.doctor.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.doctor.where import Where


def test_a_check_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    """What it looks at hangs, and is told so; the others' findings stand in their order."""
    forever = threading.Event()

    def hang(_: Where) -> list[Finding]:
        forever.wait()
        return []

    def fail(_: Where) -> list[Finding]:
        raise ValueError("oops")

    where = World(tmp_path / "machine").where()
    blocks = examine(where, [("a", hang), ("b", lambda _: [ok("fine")]), ("c", fail)], 0.2)
    forever.set()

    assert [block.title for block in blocks] == ["a", "b", "c"]
    assert blocks[0].findings[0].state == State.PROBLEM
    assert "hangs" in blocks[0].findings[0].sentence
    assert blocks[1].findings == (ok("fine"),)
    assert "ValueError: oops" in blocks[2].findings[0].sentence


def test_a_finding_is_a_line_and_its_commands_stand_below() -> None:
    """Readable without colour."""
    assert render([Block("Title", (problem("wrong", "mend it", "again"),))], colour=False) == (
        "Title\n  problem  wrong\n             $ mend it\n             $ again\n"
    )


def test_colour_adds_nothing_but_colour() -> None:
    """Take the control sequences away and it is the same."""
    blocks = [Block("Title", tuple(Finding(state, "x") for state in State))]
    coloured = render(blocks, colour=True)
    for code in ("0", "1", "2", "31", "32", "33"):
        assert f"\033[{code}m" in coloured
        coloured = coloured.replace(f"\033[{code}m", "")

    assert coloured == render(blocks, colour=False)


def test_no_control_character_of_others_reaches_the_terminal() -> None:
    """A sentence may quote a tool, a command a file."""
    text = render([Block("Title", (problem("a\033[2Jb\r", "c\ad"),))], colour=False)

    assert "a\\x1b[2Jb\\r" in text
    assert "c\\x07d" in text


def test_a_tool_that_hangs_is_killed_at_its_deadline(tmp_path: Path) -> None:
    """And a tool asked for after the end is not started."""
    world = World(tmp_path / "machine")
    world.tool("slow", "exec sleep 600")
    tools = Tools({"PATH": str(world.tools)}, deadline=0.05)
    with pytest.raises(SourceError) as late:
        tools.ask("slow", "slow")
    tools.close()
    with pytest.raises(SourceError) as closed:
        tools.ask("slow", "slow")

    assert late.value.reason == Reason.TIMEOUT
    assert closed.value.reason == Reason.BUSY


def test_closing_ends_a_tool_that_runs(tmp_path: Path) -> None:
    """From another thread, and its whole group."""
    world = World(tmp_path / "machine")
    world.tool("slow", f"echo > {tmp_path}/started; exec sleep 600")
    (tmp_path / "started").unlink(missing_ok=True)
    tools = Tools({"PATH": str(world.tools)}, deadline=600.0)
    ended: list[SourceError] = []

    def ask() -> None:
        try:
            tools.ask("slow", "slow")
        except SourceError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not (tmp_path / "started").exists():
        threading.Event().wait(0.01)  # there is no event to wait for in another process
    tools.close()
    asking.join(60)

    assert [error.reason for error in ended] == [Reason.BUSY]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/local/bin:/usr/bin:/bin", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
        ("/usr/bin:/usr/sbin:/sbin", "/usr/bin:/usr/sbin:/sbin"),
        ("/somewhere", "/somewhere"),
    ],
)
def test_a_user_s_path_is_given_the_administrator_s_folders(path: str, expected: str) -> None:
    """Debian keeps powerstat and ethtool there."""
    assert with_sbin({"PATH": path, "A": "b"}) == {"PATH": expected, "A": "b"}


def test_the_service_s_groups_are_all_counted(tmp_path: Path) -> None:
    """Its own, and those it was added to; odd lines are passed over."""
    world = World(tmp_path / "machine")
    world.write("etc/passwd", "odd\n:::\nwattshift-exporter:x:990:989::/:/bin/false\n")
    world.write("etc/group", "ipmi:x:44:someone,wattshift-exporter\nother:x:45:someone\nbad:x:no:wattshift-exporter\n")

    assert configured(world.root / "etc") == Account(990, frozenset({989, 44}), 989)


@pytest.mark.parametrize(
    ("mode", "account", "expected"),
    [
        (0o400, Account(1, frozenset({2})), True),
        (0o040, Account(1, frozenset({2})), False),
        (0o040, Account(9, frozenset({2})), True),
        (0o004, Account(9, frozenset({2})), False),
        (0o004, Account(9, frozenset({8})), True),
    ],
)
def test_the_first_class_that_fits_decides(tmp_path: Path, mode: int, account: Account, *, expected: bool) -> None:
    """Owner, else group, else others, as the kernel does it (path_resolution(7))."""
    world = World(tmp_path / "machine")
    found = look(world.write("dev/file"), world.root / "etc", 4)
    assert found is not None
    rights = type(found)(found.path, mode, 1, 2, "", ours=True)

    assert rights.allow(account, 4) is expected
