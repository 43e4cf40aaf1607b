"""Children end: in time, with everything they started, and only one at a time."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporter.child import Child, Slot, find_program
from exporter.readings import Reason, SourceError
from tests.exporter.recordings import write_program
from tests.exporter.rights import NOBODY

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
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(child.output, FOREVER)
        ready.read_text()
        slot.close()
        with pytest.raises(SourceError, match="the exporter is stopping") as caught:
            reading.result()

    assert caught.value.reason is Reason.BUSY
    slot.close()
    with pytest.raises(SourceError, match="stopping"):
        slot.start(["/bin/true"], ENVIRONMENT)


def test_a_child_that_ended_is_believed_though_another_holds_its_pipe(tmp_path: Path) -> None:
    """What it left behind costs neither its words nor the deadline, and dies."""
    pid = tmp_path / "pid"
    ended = shell(f"sleep 600 & echo $! > {shlex.quote(str(pid))}; echo whole").output(FOREVER / 2)

    assert (ended.text, ended.status) == ("whole\n", 0)
    assert ended.seconds < FOREVER / 2
    wait_for_end(int(pid.read_text()))


def test_much_that_was_said_right_before_the_end_is_read_whole() -> None:
    """The end is noticed beside the pipe, and what is in the pipe by then still counts."""
    for _ in range(20):
        assert len(shell("sleep 600 & head -c 60000 /dev/zero; exit 3").output(FOREVER).text) == 60000


def test_a_child_that_closed_its_output_has_time_to_exit(tmp_path: Path) -> None:
    """Closing the output is the last thing but one that a program does: its status is its own."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = shell(f"exec >&- 2>&-; read _ < {shlex.quote(str(gate))}; exit 7")
    assert child.read(FOREVER) == b""
    descriptor = os.open(gate, os.O_RDWR)  # does not wait for the child, should that be dead
    with ThreadPoolExecutor(1) as pool:
        finished = pool.submit(child.finish)
        os.write(descriptor, b"\n")
        status = finished.result(FOREVER)
    os.close(descriptor)

    assert status == 7


def test_a_child_that_closed_its_output_and_stays_is_a_timeout() -> None:
    """However whole its words are: without an exit status nobody knows whether it did what it said."""
    with pytest.raises(SourceError, match="did not exit") as caught:
        shell("echo whole; exec >&- 2>&-; exec sleep 600").output(FOREVER)

    assert caught.value.reason is Reason.TIMEOUT


# Run by root, it first becomes somebody else, for whom root's processes are out of reach. What the child says first is
# the process that is going to be the program under root's rights.
AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from exporter.child import Child
from exporter.readings import SourceError
if os.geteuid() == 0:
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
child = Child(sys.argv[3:], {"PATH": os.environ["PATH"], "SUDO": sys.argv[2]}, "ipmitool")
comm = Path("/proc", child.read(100).decode().strip(), "comm")
while comm.read_text() != "sleep\\n":
    pass
try:
    print(child.output(0.0))
except SourceError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "script", ["echo $$; exec $SUDO sleep 2", "$SUDO sleep 2 & echo $!; wait"], ids=["the child", "what it started"]
)
def test_a_child_that_may_not_be_killed_is_waited_for(script: str) -> None:
    """Under sudo or a set-user-ID wrapper it may be out of reach: the slot stays taken, and the words help."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own would be closed to the other user
        Path(folder).chmod(0o755)
        sudo = Path(folder) / "sudo"
        shutil.copy("/usr/bin/setpriv", sudo)
        sudo.chmod(0o4755)
        began = time.monotonic()
        command = ["/bin/sh", "-c", script]
        argv = [sys.executable, "-c", AS_ANOTHER_USER, str(NOBODY), f"{sudo} --reuid {os.geteuid()}", *command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=FOREVER, check=False)
        took = time.monotonic() - began

    assert done.stderr == ""
    if os.geteuid() == 0:
        assert done.stdout.startswith("permission: ipmitool hung and could not be killed")
        assert "without sudo" in done.stdout
        assert took > 2
    else:  # the program is the user's own, so it dies
        assert done.stdout.startswith("timeout: ")


FULL = """
import errno, os, resource, sys
from exporter.child import Child
from exporter.readings import SourceError
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free + int(sys.argv[1]), 4096))
try:
    child = Child(["/bin/sleep", "600"], {})
    hold = [os.dup(0) for _ in range(int(sys.argv[2]))]
    child.output(100.0)
except SourceError as error:
    print(error)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""


@pytest.mark.parametrize(
    ("room", "held", "words"), [(1, 0, "cannot start /bin/sleep"), (8, 7, "cannot watch sleep")], ids=["start", "watch"]
)
def test_without_a_descriptor_to_spare_it_is_busy_and_nothing_is_left(room: int, held: int, words: str) -> None:
    """Not "missing", which would send people looking for a program that is there."""
    argv = [sys.executable, "-c", FULL, str(room), str(held)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=FOREVER, check=False)

    assert done.stdout.splitlines() == [f"busy: {words}: Too many open files", "no child"], done.stderr


def test_a_program_is_found_on_the_path_given(tmp_path: Path) -> None:
    """The PATH of the environment counts; what is not there is missing, and the package is named."""
    write_program(tmp_path, "ipmitool", "true")

    assert find_program("ipmitool", "ipmitool", {"PATH": str(tmp_path)}) == str(tmp_path / "ipmitool")
    with pytest.raises(SourceError, match="apt install powerstat") as caught:
        find_program("powerstat", "powerstat", {"PATH": str(tmp_path)})
    assert caught.value.reason is Reason.MISSING
