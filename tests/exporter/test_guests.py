"""Running guests and their CPU time, on a small Proxmox node of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.cpu_window import CpuWindow
from exporter.readings import Clock, Reason, SourceError
from exporter.sampler import Sampler
from tests.exporter.proxmox import SECOND, ProxmoxNode, cpu_stat, open_node, seconds, window
from tests.exporter.rights import without_root
from tests.exporter.worlds import FakeSource, power

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def node(tmp_path: Path) -> ProxmoxNode:
    """A node without guests."""
    return ProxmoxNode(tmp_path)


def test_virtual_machines_and_containers_have_their_ids_and_names(node: ProxmoxNode) -> None:
    """Ids as prometheus-pve-exporter writes them; names from Proxmox's configuration."""
    node.start_vm(100, "started-as-this", 1_500_000)
    node.configure("qemu-server/100.conf", "cores: 2\nname: web\n\n[old]\nname: wrong\n")
    node.start_container(101, 250_000)
    node.configure("lxc/101.conf", "hostname: db\n")
    sample = node.source().read()

    assert seconds(sample) == {("qemu/100", "web"): 1.5, ("lxc/101", "db"): 0.25}
    assert (sample.up, sample.failures) == (True, ())


def test_a_name_comes_from_the_process_where_the_configuration_says_none(node: ProxmoxNode) -> None:
    """While a guest moves in, its configuration is still on the other node; a container then has no name."""
    node.start_vm(100, "web")
    node.start_container(101)

    assert set(seconds(node.source().read())) == {("qemu/100", "web"), ("lxc/101", "")}


def test_a_guest_that_is_renamed_has_its_new_name_at_once(node: ProxmoxNode) -> None:
    """A configuration is read again when it has changed, was written anew or has gone; Proxmox writes it anew."""
    node.start_vm(100, "given")
    guests = node.source()
    names = []
    for name in ("one", "two", "three"):
        node.configure("qemu-server/new", f"name: {name}\n")
        (node.places.pve / "qemu-server" / "new").rename(node.places.pve / "qemu-server" / "100.conf")
        names += [label for _, label in seconds(guests.read())]
    (node.places.pve / "qemu-server" / "100.conf").unlink()

    assert names == ["one", "two", "three"]
    assert set(seconds(guests.read())) == {("qemu/100", "given")}


def test_the_first_look_has_no_window_and_the_second_has(node: ProxmoxNode) -> None:
    """CPU time is what was used between two looks."""
    node.start_vm(100, "web", 7 * SECOND)
    node.start_container(101, 5)
    guests = node.source()
    node.spend(work=1000, idle=3000)
    first = guests.read()
    node.spend(work=1400, idle=4600)
    (node.scope(100) / "cpu.stat").write_text(cpu_stat(9 * SECOND))
    (node.container(101) / "cpu.stat").write_text(cpu_stat(SECOND + 5))

    assert window(first) is None
    assert window(guests.read()) == CpuWindow(
        20 * SECOND, 4 * SECOND, {("qemu/100", "web"): 2 * SECOND, ("lxc/101", ""): SECOND}
    )


def test_a_node_without_guests_still_has_a_host(node: ProxmoxNode) -> None:
    """No guest ever ran here: the machine's own times are the whole window, and nothing is wrong."""
    guests = node.source()
    guests.read()
    node.spend(work=100, idle=300)
    sample = guests.read()

    assert window(sample) == CpuWindow(4 * SECOND, SECOND, {})
    assert (sample.up, sample.failures) == (True, ())


def test_a_window_over_a_long_fault_is_none(node: ProxmoxNode) -> None:
    """After an hour in which the machine's times could not be read its shares are an hour's, not those of now."""
    node.start_container(101)
    guests = node.source()
    guests.read()
    (node.places.procfs / "stat").write_text("cpu  1 2\n")
    node.clock.advance(3600)
    with pytest.raises(SourceError):
        guests.read()
    node.spend(work=360_000)
    (node.container(101) / "cpu.stat").write_text(cpu_stat(3600 * SECOND))
    late = guests.read()
    node.clock.advance(12)
    node.spend(work=360_100)

    assert window(late) is None
    assert seconds(late) == {("lxc/101", ""): 3600.0}
    assert window(guests.read()) == CpuWindow(SECOND, SECOND, {("lxc/101", ""): 0})


def test_an_empty_container_is_none_and_neither_is_a_monitor(node: ProxmoxNode) -> None:
    """A cgroup that was left behind has no processes in it or below; what watches a container is the host's work."""
    node.start_container(101, populated=False)
    monitor = node.cgroups / "lxc.monitor" / "101"
    node.start_container(102)
    monitor.parent.mkdir()
    node.container(102).rename(monitor)

    assert seconds(node.source().read()) == {}


def test_a_source_all_of_whose_guests_fail_is_down(node: ProxmoxNode) -> None:
    """It is up as long as one of them can be measured."""
    node.start_container(101)
    (node.container(101) / "cpu.stat").write_text("usage_usec many\n")

    assert not node.source().read().up


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cpu.stat", ""),
        ("cpu.stat", "usage_usec 12"),
        ("cpu.stat", "usage_usec -5\n"),
        ("cgroup.events", "populated\n"),
    ],
)
def test_an_unreadable_guest_hides_no_other(node: ProxmoxNode, file: str, text: str) -> None:
    """It is named with its reason, and the others are read."""
    node.start_container(101)
    node.start_container(102, SECOND)
    node.start_vm(103, "vm", 2 * SECOND)
    (node.container(101) / file).write_text(text)
    sample = node.source().read()

    assert seconds(sample) == {("lxc/102", ""): 1.0, ("qemu/103", "vm"): 2.0}
    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(Reason.PARSE, ("lxc/101",))]
    assert sample.up


def test_a_counter_we_have_no_right_to_is_permission() -> None:
    """Named for what it is, with the file; a list of guests that may not be read is one failure."""
    with open_node() as node:
        node.start_container(101)
        (node.container(101) / "cpu.stat").chmod(0)
        node.start_vm(100)
        node.scope(100).parent.chmod(0)
        guests = node.source()
        with without_root():
            sample = guests.read()
        node.scope(100).parent.chmod(0o755)

    assert [(failure.reason, failure.labels) for failure in sample.failures] == [
        (Reason.PERMISSION, ()),
        (Reason.PERMISSION, ("lxc/101",)),
    ]
    assert "cpu.stat: Permission denied" in sample.failures[1].detail


def test_a_name_that_may_not_be_read_costs_no_figure() -> None:
    """``/etc/pve`` is for root and www-data."""
    with open_node() as node:
        node.start_vm(100, "web", SECOND)
        node.configure("qemu-server/100.conf", "name: configured\n")
        node.places.pve.chmod(0)
        guests = node.source()
        with without_root():
            sample = guests.read()
        node.places.pve.chmod(0o755)

    assert seconds(sample) == {("qemu/100", "web"): 1.0}
    assert sample.failures == ()


def test_a_guest_that_was_unreadable_once_does_not_catch_up(node: ProxmoxNode) -> None:
    """What it used in two windows would be too much for one."""
    node.start_container(101)
    guests = node.source()
    guests.read()
    found = []
    for n, text in enumerate(["oops", cpu_stat(2 * SECOND), cpu_stat(2 * SECOND + 7)], start=1):
        (node.container(101) / "cpu.stat").write_text(text)
        node.spend(work=100 * n)
        measured = window(guests.read())
        assert measured is not None
        found.append(dict(measured.guests))

    assert found == [{}, {}, {("lxc/101", ""): 7}]


def test_a_counter_that_leaps_is_implausible(node: ProxmoxNode) -> None:
    """An hour of CPU time in a second: counted, and no share of the power comes of it."""
    node.start_container(101)
    node.start_container(102)
    guests = node.source()
    guests.read()
    node.spend(work=100)
    (node.container(101) / "cpu.stat").write_text(cpu_stat(3600 * SECOND))
    sample = guests.read()
    measured = window(sample)

    assert [(failure.reason, failure.labels) for failure in sample.failures] == [(Reason.IMPLAUSIBLE, ("lxc/101",))]
    assert measured is not None
    assert measured.guests == {("lxc/102", ""): 0}


def test_a_guest_that_restarted_begins_anew(node: ProxmoxNode) -> None:
    """Its counter is already higher than before: the process and the cgroup tell that it is another run."""
    node.start_vm(100, "web", 10)
    guests = node.source()
    guests.read()
    node.stop_vm(100)
    node.start_vm(100, "web", 500)
    node.spend(work=100)
    sample = guests.read()

    assert seconds(sample) == {("qemu/100", "web"): 0.0005}
    assert window(sample) == CpuWindow(SECOND, SECOND, {})


def test_a_process_in_a_new_cgroup_begins_anew(node: ProxmoxNode) -> None:
    """Its scope was made again, and that one's counter is already higher: what it held was used at an unknown time."""
    pid = node.start_vm(100, "web", 10)
    guests = node.source()
    guests.read()
    node.scope(100).rename(node.cgroups / "aside")  # kept, so that its inode number is not given out again
    node.scope(100).mkdir()
    (node.scope(100) / "cgroup.procs").write_text(f"{pid}\n")
    (node.scope(100) / "cpu.stat").write_text(cpu_stat(500))
    node.spend(work=100)

    assert window(guests.read()) == CpuWindow(SECOND, SECOND, {})


@pytest.mark.parametrize("made", ["nothing", "unified"])
def test_a_machine_without_cgroup_v2_is_unsupported(node: ProxmoxNode, made: str) -> None:
    """Version 1, alone or beside version 2 in ``unified``: the way out is said, and no guest is taken for the host."""
    (node.cgroups / "cgroup.controllers").rename(node.cgroups / made)
    with pytest.raises(SourceError, match=r"systemd\.unified_cgroup_hierarchy") as caught:
        node.source().read()

    assert caught.value.reason is Reason.UNSUPPORTED


def test_cgroups_we_have_no_right_to_are_permission() -> None:
    """They may well be of version 2: nothing is said of what cannot be seen."""
    with open_node() as node:
        node.cgroups.chmod(0)
        guests = node.source()
        with without_root(), pytest.raises(SourceError) as caught:
            guests.read()
        node.cgroups.chmod(0o755)

    assert caught.value.reason is Reason.PERMISSION


@pytest.mark.parametrize(("text", "reason"), [("cpu  1 2\n", Reason.PARSE), (None, Reason.MISSING)])
def test_without_the_machines_times_there_is_nothing(node: ProxmoxNode, text: str | None, reason: Reason) -> None:
    """Shares of an unknown whole are none. The next read goes on from the last good one."""
    node.start_container(101)
    guests = node.source()
    guests.read()
    stat = node.places.procfs / "stat"
    stat.unlink()
    if text is not None:
        stat.write_text(text)
    with pytest.raises(SourceError) as caught:
        guests.read()
    node.spend(work=200)
    (node.container(101) / "cpu.stat").write_text(cpu_stat(SECOND))

    assert caught.value.reason is reason
    assert window(guests.read()) == CpuWindow(2 * SECOND, 2 * SECOND, {("lxc/101", ""): SECOND})


def test_a_configuration_that_hangs_holds_up_nothing_else(node: ProxmoxNode) -> None:
    """``/etc/pve`` is a cluster file system, which may not answer: the guests time out, other sources go on."""
    node.start_vm(100)
    node.configure("qemu-server/100.conf", "")
    hanging = node.places.pve / "qemu-server" / "100.conf"
    hanging.unlink()
    os.mkfifo(hanging)
    sampler = Sampler([node.source(0.01), FakeSource(lambda: power(5.0))], 60.0, Clock())
    sampler.start()
    try:
        snapshot = sampler.wait_until(lambda shown: bool(shown.failures("guests")), 60.0)
        reads = snapshot.states[1].reads
        going_on = sampler.wait_until(lambda shown: shown.states[1].reads > reads, 60.0)
    finally:
        hanging.write_text("name: web\n")
        sampler.close()

    assert [failure.reason for failure in snapshot.failures("guests")] == [Reason.TIMEOUT]
    assert going_on.states[1].reads > reads
