"""The command that tells what would happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actuator.cli import main
from actuator.commands.plan import plan_lines
from tests.actuator.api.world import TOKEN, World, served
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--vmid=100"], 0, "Guest 100 (web) moves from pve2 to pve, which is off and is woken first.\n"),
        (["--wake=pve"], 0, "Node pve is off and is woken.\n"),
        (["--wake=pve2"], 0, "Node pve2 is on already.\n"),
        (["--vmid=999"], 1, "Nothing would be done: guest_not_allowed.\n"),
        (["--vmid=9"], 1, ""),
        ([], 2, ""),
        (["--wake=pve", "--vmid=100"], 2, ""),
    ],
)
def test_a_plan_is_a_sentence_and_an_exit_status(
    tmp_path: Path, arguments: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when something would be done, 1 when not, 2 when the question makes no sense."""
    world = World(tmp_path)
    world.cluster = samples.cluster()
    (tmp_path / "token").write_text(TOKEN)
    with served(world) as (host, port):
        code = main(["plan", f"--url=http://{host}:{port}", f"--token-file={tmp_path / 'token'}", *arguments])
    world.store.close()
    told = capsys.readouterr()

    assert code == status, told.err
    assert told.out.endswith(says)
    assert bool(told.err) == (not says)


def test_what_is_known_of_power_is_told_and_nothing_else() -> None:
    """A figure that is not known has no place in the sentence."""
    power = {"guest_watts": 31.0, "source_watts": 84.5, "target_watts": None, "target_threshold_watts": 50}
    plan = {"act": True, "message": "Guest 100 moves.", "source": "pve2", "target": "pve", "power": power}

    assert plan_lines(plan) == [
        "Guest 100 moves.",
        "Power: the guest is estimated at 31.0 W; pve2 draws 84.5 W; too much for pve are 50.0 W.",
    ]
