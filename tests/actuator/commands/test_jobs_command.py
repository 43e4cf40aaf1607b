"""The commands about jobs, against a real server."""

from __future__ import annotations

import json
import os
import pty
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from actuator.cli import main
from actuator.commands.job_text import job_lines, progress_line
from actuator.commands.jobs import follow
from actuator.commands.screen import Screen, cut, table
from actuator.policy.jobs import Checkpoint, Failure, JobState, MoveWatts, Outcome
from tests.actuator.adapters.stores import quarantine
from tests.actuator.api.world import TOKEN, World, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The HTTP side, on a real database."""
    world = World(tmp_path)
    yield world
    world.store.close()


@pytest.fixture
def flags(world: World, tmp_path: Path) -> Iterator[list[str]]:
    """How a command calls it over the network."""
    (tmp_path / "operator").write_text(f"{TOKEN}\n")
    # The server's log would go to standard output, which is the command's here.
    with capture_logs(), served(world) as (host, port):
        yield [f"--url=http://{host}:{port}", f"--token-file={tmp_path / 'operator'}"]


def order(world: World, capsys: pytest.CaptureFixture[str], flags: list[str]) -> str:
    """The id of a new job, ordered with the command that wakes."""
    assert main(["wake", "pve", "--json", *flags]) == 0
    job_id: str = json.loads(capsys.readouterr().out)["job"]["id"]
    assert world.store.job(job_id) is not None
    return job_id


def test_a_job_is_ordered_listed_shown_and_cancelled(
    world: World, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole of a job's life as an operator sees it, each with exit status 0."""
    assert main(["jobs", *flags]) == 0
    assert capsys.readouterr().out == "No jobs.\n"

    assert main(["wake", "pve", *flags]) == 0
    [job] = world.store.jobs()
    assert capsys.readouterr().out == (
        f"Node pve is to be awake; follow it with: wattshift-actuator jobs follow {job.id}\n"
    )

    assert main(["jobs", "list", "--state", "queued", *flags]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "STATE", "ACTION", "GUEST", "FROM", "TO", "SINCE", "MESSAGE"]
    assert row.startswith(f"{job.id}  queued  wake")
    assert row.endswith("Accepted: node pve is to be awake.")

    assert main(["jobs", *flags, "cancel", job.id]) == 0  # flags of the command may stand before its subcommand
    assert "Asked job" in capsys.readouterr().out

    assert main(["jobs", "show", job.id, *flags]) == 0
    shown = capsys.readouterr().out
    assert "asked by:    alertmanager" in shown
    assert "Cancel asked for by alertmanager." in shown


def test_a_quarantine_is_cleared(world: World, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whether there was one is said either way; the audit has who did it; another name is no node."""
    quarantine(world.store, "pve", "It did not join.", world.now)
    assert main(["clear-quarantine", "pve", *flags]) == 0
    assert capsys.readouterr().out == (
        "Node pve may be woken again; whether it wakes, tells: wattshift-actuator wake pve --follow\n"
    )
    assert world.store.history(world.now).quarantined == {}
    assert [(line.event.value, line.requested_by) for line in world.store.audit(0, world.now + 1)] == [
        ("quarantined", "the actuator"),
        ("quarantine_cleared", "alertmanager"),
    ]

    assert main(["clear-quarantine", "pve", *flags]) == 0
    assert "was in no quarantine" in capsys.readouterr().out
    assert main(["clear-quarantine", "pve", "--json", *flags]) == 0
    assert json.loads(capsys.readouterr().out) == {"node": "pve", "cleared": False}
    assert main(["clear-quarantine", "pve9", *flags]) == 1
    assert "Node pve9 is not configured" in capsys.readouterr().err


def test_json_is_what_the_api_says(world: World, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the answer goes to the pipe as it came."""
    job_id = order(world, capsys, flags)
    assert main(["jobs", "show", job_id, "--json", *flags]) == 0

    assert json.loads(capsys.readouterr().out)["id"] == job_id


def test_a_refusal_is_a_sentence_and_exit_status_1(
    world: World, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the actuator decided against, or does not have, ends the command with its sentence alone."""
    order(world, capsys, flags)

    assert main(["wake", "pve", *flags]) == 1
    assert "already" in capsys.readouterr().err
    assert main(["jobs", "show", "abc", *flags]) == 1
    assert capsys.readouterr() == ("", "No job has this id; GET /api/v1/jobs lists the newest.\n")


@pytest.mark.parametrize(("state", "status"), [(JobState.SUCCEEDED, 0), (JobState.FAILED, 1), (JobState.CANCELLED, 1)])
def test_following_ends_with_the_job(
    world: World, flags: list[str], capsys: pytest.CaptureFixture[str], state: JobState, status: int
) -> None:
    """In a pipe each event is a plain line; the exit status says whether the job has succeeded."""
    job_id = order(world, capsys, flags)
    world.lead(job_id, JobState.PREFLIGHT)
    world.lead(job_id, JobState.AWAITING_READY)
    failure = {"failure": Failure.NEVER_READY} if state is JobState.FAILED else {}
    world.lead(job_id, state, **failure)

    assert main(["jobs", "follow", job_id, *flags]) == status
    told = capsys.readouterr()
    assert [line.split("  ", 1)[1].split() for line in told.out.splitlines()][1:] == [
        ["preflight", "now", "preflight"],
        ["awaiting_ready", "now", "awaiting_ready"],
        [state.value, "now", state.value],
    ]
    assert "\033" not in told.out
    assert (f"The job is {state.value}" in told.err) == (status == 1)


def test_the_watts_and_the_cost_are_shown(world: World, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Downtime, duration, bytes, and watts of both nodes before and after stand in plain words."""
    job_id = order(world, capsys, flags)
    outcome = Outcome(0.042, 4.0, 4 * 1024**3)
    watts = MoveWatts(84.5, 20.0, 31.0, 61.5, measured_at=world.now)
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY, JobState.SUCCEEDED):
        world.lead(job_id, state, source="pve2", target="pve", checkpoint=Checkpoint(outcome=outcome, watts=watts))
    assert main(["jobs", "show", job_id, *flags]) == 0
    told = capsys.readouterr().out

    assert "cost:        stood still for 42 ms, took 4 s, moved 4096 MiB" in told
    assert "power:       pve2 84.5 W before, 31.0 W after; pve 20.0 W before, 61.5 W after; together -12.0 W" in told


def test_what_is_not_known_is_not_shown_as_a_figure() -> None:
    """An absent figure is a question mark, never 0, and what is due is said."""
    watts = {"source_before": 84.5, "target_before": None, "source_after": None, "target_after": None, "change": None}
    [line] = [
        line
        for line in job_lines({"source": "a", "target": "b", "watts": watts | {"due_at": "2026-11-22T16:20:22Z"}})
        if line.startswith("power")
    ]

    assert line.startswith("power:       a 84.5 W before, ? after; b ? before, ? after; looked at again at 2026-11-2")


def progress(moved: float, total: float) -> dict[str, Any]:
    """An event that tells a migration's progress."""
    detail = {"transferred_bytes": moved, "total_bytes": total, "bytes_per_second": 512 * 1024**2}
    return {"state": "migrating", "detail": detail}


def test_a_terminal_gets_a_bar_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real terminal progress is drawn in one place, cut to its width, and gone once a line follows."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    leader, follower = pty.openpty()
    with open(follower, "w", encoding="utf-8") as out:  # noqa: PTH123 - a descriptor, not a path
        assert cut(f"{'x' * 41}\nshort", out) == f"{'x' * 37}...\nshort"
        screen = Screen(out)
        for moved in (1, 2, 4):
            screen.live(progress_line(progress(moved * 1024**3, 4 * 1024**3), plain=screen.plain) or "")
        screen.line("The job has succeeded.")
        read = b""
        while not read.endswith(b"\n"):  # a terminal hands it over in pieces
            read += os.read(leader, 4096)
        written = read.decode()
    os.close(leader)

    assert written.count("\r\033[K") == 3
    assert "█" * 6 + "░" * 18 + "  25%" in written
    assert "100%" in written
    assert written.endswith("\r\033[KThe job has succeeded.\r\n")
    assert max(len(part) for part in written.split("\r\033[K")) < 40


@pytest.mark.parametrize("detail", [{}, {"transferred_bytes": 1}, {"transferred_bytes": 1, "total_bytes": 0}, None])
def test_an_event_without_progress_draws_none(detail: Any) -> None:
    """What tells no progress is a line of its own."""
    assert progress_line({"detail": detail}, plain=True) is None


def test_no_job_controls_the_terminal() -> None:
    """A name that somebody gave a node or an alert reaches the terminal without its control characters."""
    lines = job_lines({"message": "\033[2J\rgone", "episode": {"alertname": "a\nb"}, "events": [{"message": "\x07"}]})

    assert not [character for line in lines for character in line if not character.isprintable()]


def test_a_table_has_straight_columns() -> None:
    """Each column begins where its head does; the last is not padded."""
    assert table([("A", "B", "C"), ("long", "b", "c"), ("x", "y", "")]) == "A     B  C\nlong  b  c\nx     y"


class Interrupted:
    """A client whose user presses Ctrl-C while he follows."""

    def follow(self, _job_id: str) -> Iterator[dict[str, Any]]:
        """One event, then the interruption."""
        yield {"at": "2026-11-22T16:20:22Z", "state": "waking", "message": "Asked pve to wake."}
        raise KeyboardInterrupt


def test_ctrl_c_leaves_the_job_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Who stops following is told that the job goes on, and how to come back."""
    assert follow(Interrupted(), "abc", as_json=False) == 130  # type: ignore[arg-type]  # the part that follow knows
    assert capsys.readouterr().err == ("The job goes on; follow it again with: wattshift-actuator jobs follow abc\n")
