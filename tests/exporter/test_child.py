"""Children end: in time, with everything they started, and only one at a time."""

from __future__ import annotations

import os
import select
import shlex
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.child import Child, Slot, find_program
from exporter.readings import Reason, SourceError
from tests.exporter.recordings import write_program

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"PATH": os.environ["PATH"]}
FOREVER = 120.0


def shell(script: str) -> Child:
    """Start a shell script."""
    return Child(["/bin/sh", "-c", script], ENVIRONMENT)


def wait_for_end(pid: int) -> None:
    """Wait until a process that need not be a child of ours has gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(FOREVER * 1000), f"process {pid} is still there"
    os.close(descriptor)


def test_both_outputs_and_the_status_come_back() -> None:
    """What a child prints anywhere is read, with its status and the time it took."""
    ended = shell("echo out; echo err >&2; exit 3").output(FOREVER)

    assert sorted(ended.text.split()) == ["err", "out"]
    assert ended.status == 3
    assert ended.seconds > 0


def test_a_hanging_child_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """At the deadline the whole process group dies, grandchildren that hold the pipe included."""
    pids = tmp_path / "pids"
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    child = shell(f"sleep 600 & echo $$ $! > {shlex.quote(str(pids))}; echo > {shlex.quote(str(ready))}; wait")
    ready.read_text()
    with pytest.raises(SourceError) as caught:
        child.output(0.01)

    assert caught.value.reason is Reason.TIMEOUT
    for pid in pids.read_text().split():
        wait_for_end(int(pid))


def test_a_grandchild_does_not_outlive_a_child_that_ended(tmp_path: Path) -> None:
    """A child that exits and leaves something running behind its closed pipe takes that along."""
    pid = tmp_path / "pid"
    ended = shell(f"sleep 600 >/dev/null 2>&1 & echo $! > {shlex.quote(str(pid))}; echo done").output(FOREVER)

    assert ended.text == "done\n"
    wait_for_end(int(pid.read_text()))


def test_a_child_that_never_stops_talking_is_cut_off() -> None:
    """Endless output costs no endless memory."""
    with pytest.raises(SourceError) as caught:
        shell("yes").output(FOREVER)

    assert caught.value.reason is Reason.PARSE


def test_a_deadline_that_has_passed_counts_though_there_is_more_to_read(tmp_path: Path) -> None:
    """A child that always has something to say cannot put its deadline off."""
    said = tmp_path / "said"
    os.mkfifo(said)
    child = shell(f"echo more; echo > {shlex.quote(str(said))}; exec sleep 600")
    said.read_text()
    with pytest.raises(SourceError) as caught:
        child.read(-0.001)
    child.kill()
    child.finish()

    assert caught.value.reason is Reason.TIMEOUT


@pytest.mark.parametrize(("mode", "reason"), [(None, Reason.MISSING), (0o644, Reason.PERMISSION)])
def test_a_program_that_cannot_start_has_a_reason(tmp_path: Path, mode: int | None, reason: Reason) -> None:
    """Gone between the search and the start, or not executable: named, not raised as something else."""
    program = tmp_path / "tool"
    if mode is not None:
        program.write_text("")
        program.chmod(mode)
    with pytest.raises(SourceError) as caught:
        Child([str(program)], ENVIRONMENT)

    assert caught.value.reason is reason


def test_a_program_for_another_machine_is_unsupported(tmp_path: Path) -> None:
    """It is there, so "missing" would send people looking for it."""
    program = tmp_path / "tool"
    program.write_bytes(b"\x7fELF and nothing that fits")
    program.chmod(0o755)
    with pytest.raises(SourceError, match="Exec format error") as caught:
        Child([str(program)], ENVIRONMENT)

    assert caught.value.reason is Reason.UNSUPPORTED


def test_closing_the_slot_ends_a_read_under_way(tmp_path: Path) -> None:
    """A child that is being read from another thread dies when the exporter stops, and no other is started."""
    slot = Slot()
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    child = slot.start(["/bin/sh", "-c", f"echo > {shlex.quote(str(ready))}; sleep 600"], ENVIRONMENT)
    statuses: list[int] = []
    reader = threading.Thread(target=lambda: statuses.append(child.output(FOREVER).status))
    reader.start()
    ready.read_text()
    slot.close()
    reader.join()

    assert statuses == [-9]
    slot.close()
    with pytest.raises(SourceError, match="stopping"):
        slot.start(["/bin/true"], ENVIRONMENT)


def test_a_program_is_found_on_the_path_given(tmp_path: Path) -> None:
    """The PATH of the environment counts; what is not there is missing, and the package is named."""
    write_program(tmp_path, "ipmitool", "true")

    assert find_program("ipmitool", "ipmitool", {"PATH": str(tmp_path)}) == str(tmp_path / "ipmitool")
    with pytest.raises(SourceError, match="apt install powerstat") as caught:
        find_program("powerstat", "powerstat", {"PATH": str(tmp_path)})
    assert caught.value.reason is Reason.MISSING
