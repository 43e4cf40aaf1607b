"""Which processes are running guests: Proxmox's own test, on a small node of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.readings import Reason
from tests.exporter.proxmox import SECOND, ProxmoxNode, open_node, process_stat, seconds
from tests.exporter.rights import without_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def node(tmp_path: Path) -> ProxmoxNode:
    """A node without guests."""
    return ProxmoxNode(tmp_path)


def leave_pidfile(node: ProxmoxNode, pid: int) -> None:
    """The machine was killed: its pidfile and scope are left."""
    for file in (node.places.procfs / str(pid)).iterdir():
        file.unlink()
    (node.places.procfs / str(pid)).rmdir()
    (node.scope(100) / "cgroup.procs").write_text("")


def reuse_pid(node: ProxmoxNode, pid: int) -> None:
    """Its process id was given to another program."""
    (node.places.procfs / str(pid) / "cmdline").write_text("/usr/bin/vim\0-pidfile\0/var/run/qemu-server/100.pid\0")


def run_another_guest(node: ProxmoxNode, pid: int) -> None:
    """Its process id was given to another guest."""
    cmdline = node.places.procfs / str(pid) / "cmdline"
    cmdline.write_text(cmdline.read_text().replace("/100.pid", "/1001.pid"))


def become_a_zombie(node: ProxmoxNode, pid: int) -> None:
    """It died, and nobody has asked for its exit status."""
    (node.places.procfs / str(pid) / "stat").write_text(process_stat(pid, state="Z"))


def lose_the_command_line(node: ProxmoxNode, pid: int) -> None:
    """It is dying: the kernel has freed its memory."""
    (node.places.procfs / str(pid) / "cmdline").write_text("")


def remove_the_pidfile(node: ProxmoxNode, pid: int) -> None:
    """Proxmox takes a machine without a pidfile for stopped."""
    del pid
    (node.pidfiles / "100.pid").unlink()


def spoil_the_pidfile(node: ProxmoxNode, pid: int) -> None:
    """Nothing is in it."""
    del pid
    (node.pidfiles / "100.pid").write_text("")


def lose_the_cgroup(node: ProxmoxNode, pid: int) -> None:
    """It ended while it was looked at."""
    del pid
    (node.scope(100) / "cpu.stat").unlink()


@pytest.mark.parametrize(
    "end",
    [
        leave_pidfile,
        reuse_pid,
        run_another_guest,
        become_a_zombie,
        lose_the_command_line,
        remove_the_pidfile,
        spoil_the_pidfile,
        lose_the_cgroup,
    ],
)
def test_what_is_no_running_guest_is_none(node: ProxmoxNode, end: Callable[[ProxmoxNode, int], None]) -> None:
    """What a machine leaves behind has no figure, is no error, and takes nothing from the others."""
    pid = node.start_vm(100)
    node.start_vm(102, "other", 3 * SECOND)
    end(node, pid)
    sample = node.source().read()

    assert seconds(sample) == {("qemu/102", "other"): 3.0}
    assert (sample.up, sample.failures) == (True, ())


@pytest.mark.parametrize("change", [reuse_pid, run_another_guest])
def test_a_guest_that_is_known_is_told_from_who_has_its_process_id_next(
    node: ProxmoxNode, change: Callable[[ProxmoxNode, int], None]
) -> None:
    """A process is examined once, and a process is its id and the moment when it began."""
    pid = node.start_vm(100, microseconds=SECOND)
    guests = node.source()
    assert seconds(guests.read()) == {("qemu/100", "web"): 1.0}
    change(node, pid)
    (node.places.procfs / str(pid) / "stat").write_text(process_stat(pid, start=pid + 1))

    assert seconds(guests.read()) == {}


def test_a_storage_daemon_is_no_guest(node: ProxmoxNode) -> None:
    """``qsd-100.pid`` lies beside the pidfiles of machines, and its scope is not called like one."""
    pid = node.start_vm(100)
    (node.pidfiles / "100.pid").rename(node.pidfiles / "qsd-100.pid")
    node.scope(100).rename(node.cgroups / "qemu.slice" / "qsd-100.scope")
    assert (node.places.procfs / str(pid)).exists()

    assert seconds(node.source().read()) == {}


def test_a_user_that_may_not_read_pidfiles_finds_the_guest_by_its_cgroup() -> None:
    """QEMU's pidfiles are root's alone; the processes of the scope go through the same test."""
    with open_node() as node:
        pid = node.start_vm(100, "web", SECOND)
        helper = node.places.procfs / "999"
        helper.mkdir()
        (helper / "cmdline").write_text("/usr/bin/swtpm\0socket\0")
        (helper / "stat").write_text(process_stat(999, "swtpm"))
        (node.scope(100) / "cgroup.procs").write_text(f"998\n999\n{pid}\n")
        (node.pidfiles / "100.pid").chmod(0o600)
        (node.pidfiles / "104.pid").touch(mode=0o600)
        node.scope(104).mkdir()
        (node.scope(104) / "cgroup.procs").write_text("")
        guests = node.source()
        with without_root():
            sample = guests.read()

    assert seconds(sample) == {("qemu/100", "web"): 1.0}
    assert sample.failures == ()


def test_a_process_that_is_hidden_from_us_is_a_reason_and_no_silence(node: ProxmoxNode) -> None:
    """The cgroup names a process that /proc does not show: the guest runs, and we are not to see it."""
    pid = node.start_vm(100)
    node.start_vm(102, "other")
    folder = node.places.procfs / str(pid)
    folder.rename(node.places.procfs / "elsewhere")
    sample = node.source().read()

    assert set(seconds(sample)) == {("qemu/102", "other")}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(Reason.PERMISSION, ("qemu/100",))]
    assert "ProtectProc=" in sample.failures[0].detail
