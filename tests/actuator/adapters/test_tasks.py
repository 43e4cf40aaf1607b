"""Task ids and how tasks end."""

from __future__ import annotations

import pytest

from actuator.adapters.tasks import Task, is_upid, kind_of, node_of

UPID = "UPID:pve1:0000158B:00063320:6B031D4D:qmigrate:100:root@pam!tk:"


def test_a_task_id_tells_node_kind_and_time() -> None:
    """The node of the id is where the task runs, its time is the node's."""
    assert node_of(UPID) == "pve1"
    assert kind_of(UPID) == "qmigrate"
    assert Task(UPID, None).started_at == 0x6B031D4D


def test_a_long_uptime_makes_a_longer_id() -> None:
    """After some 500 days of uptime the process start has nine digits."""
    assert node_of("UPID:pve-1:0000158B:100063320:6B031D4D:hamigrate:100:bot@pve!mv:") == "pve-1"


@pytest.mark.parametrize(
    "text", ["", "nonsense", UPID[:-1], UPID + "x", None, {"upid": UPID}, UPID.replace("pve1", "../x")]
)
def test_anything_else_is_no_task_id(text: object) -> None:
    """What is not a whole task id is refused before it becomes part of a path."""
    assert not is_upid(text)


def test_node_of_refuses_garbage() -> None:
    """A garbled id is an error that shows it."""
    with pytest.raises(ValueError, match="'nonsense' is not a Proxmox task id"):
        node_of("nonsense")


@pytest.mark.parametrize(
    ("exit_status", "running", "succeeded"),
    [
        (None, True, False),
        ("OK", False, True),
        ("WARNINGS: 3", False, True),
        ("migration problems", False, False),
        ("unexpected status", False, False),
        ("WARNINGS: many", False, False),
        ("NOT OK", False, False),
    ],
)
def test_how_a_task_ended(exit_status: str | None, running: bool, succeeded: bool) -> None:  # noqa: FBT001 - a table
    """Only OK and counted warnings are success."""
    task = Task(UPID, exit_status)

    assert (task.running, task.succeeded) == (running, succeeded)
