"""What is understood of the kernel's and Proxmox's files, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cpu_window import MachineTimes
from exporter.readings import Reason, SourceError, printable
from exporter.sources.guest_files import (
    Process,
    configured_name,
    is_guest,
    parse_keyed,
    parse_machine,
    parse_options,
    parse_pids,
    parse_process,
    process_name,
)
from tests.exporter.proxmox import cpu_stat, process_stat
from tests.exporter.recordings import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = FIXTURES / "machines" / "proxmox-host"
MACHINE = (HOST / "proc" / "stat").read_text()
CPU = (HOST / "sys/fs/cgroup/qemu.slice/100.scope/cpu.stat").read_text()
CMDLINE = (HOST / "proc" / "2211" / "cmdline").read_text()
PROCESS = (HOST / "proc" / "2211" / "stat").read_text()
CONFIGURATION = (HOST / "pve" / "qemu-server" / "100.conf").read_text()

Result = TypeVar("Result")

# Lines that look like the real ones, with something else in the place of the figures.
near = st.one_of(st.text(), st.text("0123456789 \n-+.eE_x٣", max_size=60))


def outcome(parse: Callable[..., Result], *arguments: str) -> Result | Reason:
    """Return what a parser makes of its text, or the reason for which it refuses that."""
    try:
        return parse(*arguments)
    except SourceError as error:
        return error.reason


def test_the_machines_times_are_the_first_eight_figures() -> None:
    """Guest time, the ninth and tenth, is part of user and nice already; the lines of single processors are left."""
    assert parse_machine(MACHINE) == MachineTimes(
        user=10132153, nice=290696, system=3084719, idle=46828483, iowait=16683, irq=0, softirq=25195, steal=0
    )
    assert parse_machine("cpu  1 2 3 4 5 6 7 8\n") == MachineTimes(1, 2, 3, 4, 5, 6, 7, 8)


@pytest.mark.parametrize(
    "text", ["", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3 4\n", "cpu  1 2 3 4 5 6 7 -8\n", "cpu  a\n"]
)
def test_a_machine_without_its_eight_figures_is_not_guessed_at(text: str) -> None:
    """A kernel that says something else is a parse error, not zeros."""
    assert outcome(parse_machine, text) is Reason.PARSE


@given(near.map("cpu  {}".format))
def test_whatever_the_machines_line_is_it_is_figures_or_refused(text: str) -> None:
    """No other error, and no figure that is not there in digits."""
    found = outcome(parse_machine, text)
    if isinstance(found, MachineTimes):
        line, end, _ = text.partition("\n")
        assert (line.isascii(), end) == (True, "\n")
        assert [int(word) for word in line.split()[1:9]] == [getattr(found, name) for name in MachineTimes.__slots__]
    else:
        assert found is Reason.PARSE


@given(near.map("usage_usec {}".format))
def test_whatever_a_counter_is_it_is_digits_or_refused(text: str) -> None:
    """A count is ASCII digits up to the end of its line."""
    line, end, _ = text.removeprefix("usage_usec ").partition("\n")
    is_count = bool(end) and line.isascii() and line.isdigit() and len(line) <= 20

    assert outcome(parse_keyed, text, "usage_usec") == (int(line) if is_count else Reason.PARSE)


@given(near)
def test_whatever_a_process_says_it_is_understood_or_refused(text: str) -> None:
    """No other error comes of it, and of arbitrary text no guest."""
    assert isinstance(outcome(parse_process, text), Process | Reason)
    assert not is_guest(parse_options(text) or {}, "100")
    assert all(pid > 0 for pid in parse_pids(text))
    assert configured_name(text, "name") in printable(text)


def test_a_truncated_machine_gives_no_other_figures() -> None:
    """Cut at any byte, the line is whole or refused."""
    found = {outcome(parse_machine, MACHINE[:end]) for end in range(len(MACHINE) + 1)}

    assert found == {Reason.PARSE, parse_machine(MACHINE)}


def test_a_truncated_counter_gives_no_smaller_figure() -> None:
    """Cut at any byte, the count is whole or refused."""
    assert {outcome(parse_keyed, CPU[:end], "usage_usec") for end in range(len(CPU) + 1)} == {Reason.PARSE, 8412345678}


def test_a_truncated_process_has_no_other_start() -> None:
    """Cut at any byte, it is refused: another start would be another run of the guest."""
    assert {outcome(parse_process, PROCESS[:end]) for end in range(len(PROCESS))} == {Reason.PARSE}


def test_a_truncated_command_line_is_no_other_guest() -> None:
    """Cut at any byte, it is the guest or none, with its own name or none."""
    for end in range(len(CMDLINE)):
        options = parse_options(CMDLINE[:end]) or {}
        assert not any(is_guest(options, vmid) for vmid in ("1", "10"))
        assert process_name(options) in {"", "web"}


def test_no_name_steers_a_terminal() -> None:
    """Whoever names a guest may write anything; control characters reach no label as such."""
    assert process_name({"name": "a\x1b[2Jb\nc,debug-threads=on"}) == "a\\x1b[2Jb\\nc"
    assert configured_name("name: a\x1b[2J\n", "name") == "a\\x1b[2J"


def test_a_truncated_configuration_has_no_other_name() -> None:
    """Cut at any byte, the name is whole or missing."""
    found = {configured_name(CONFIGURATION[:end], "name") for end in range(len(CONFIGURATION) + 1)}

    assert found == {"", "web"}


def test_a_key_is_a_whole_word() -> None:
    """``user_usec`` is not ``usage_usec``, and a key inside a longer one is none."""
    assert parse_keyed(cpu_stat(12), "user_usec") == 12
    assert outcome(parse_keyed, "core_sched.usage_usec 12\n", "usage_usec") is Reason.PARSE


@pytest.mark.parametrize(
    ("text", "pids"),
    [("77\n", [77]), ("77", [77]), ("", []), ("0\n5\n", [5]), ("-5\n", []), ("5 6\n", []), ("99999999999\n", [])],
)
def test_process_ids(text: str, pids: list[int]) -> None:
    """One a line; 0 stands for a process of another namespace, which can be looked up nowhere."""
    assert parse_pids(text) == pids


@pytest.mark.parametrize("command", ["kvm", "a b", ") Z 1 (", "((", "CPU 0/KVM)"])
def test_the_command_does_not_confuse_the_fields(command: str) -> None:
    """A process may call itself anything."""
    assert parse_process(process_stat(7, command, "S", 12345)) == Process(alive=True, start=12345)
    assert parse_process(process_stat(7, command, "Z", 12345)) == Process(alive=False, start=12345)


@pytest.mark.parametrize(
    ("program", "is_qemu"),
    [
        ("/usr/bin/kvm", True),
        ("kvm", True),
        ("/usr/bin/qemu-system-aarch64", True),
        ("/usr/bin/qemu-", False),
        ("/usr/bin/taskset", False),
        ("/usr/bin/kvmtool", False),
        ("kvm: worker", False),
        ("", False),
    ],
)
def test_which_programs_are_qemu(program: str, is_qemu: bool) -> None:  # noqa: FBT001 - a table of the test
    """By their names, as Proxmox goes by them; taskset has become kvm by the time it runs."""
    assert (parse_options(f"{program}\0-id\0100\0") is not None) is is_qemu


def test_options_are_read_as_proxmox_reads_them() -> None:
    """One dash or two, a value or none; the last of two counts."""
    assert parse_options("kvm\0-daemonize\0--name\0a\0-name\0b\0stray\0-no-user-config\0") == {"name": "b"}


@pytest.mark.parametrize(
    ("pidfile", "matches"),
    [
        ("/var/run/qemu-server/100.pid", True),
        ("/run/qemu-server/100.pid", True),
        ("/var/run/qemu-server/1001.pid", False),
        ("/var/run/qemu-server/qsd-100.pid", False),
        ("/tmp/100.pid", False),  # noqa: S108 - not used
    ],
)
def test_a_guest_is_known_by_its_pidfile(pidfile: str, matches: bool) -> None:  # noqa: FBT001 - a table of the test
    """Another guest's QEMU, or somebody's own, is not this guest."""
    assert is_guest({"pidfile": pidfile}, "100") is matches
    assert not is_guest({}, "100")


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("web,debug-threads=on", "web"),
        ("web", "web"),
        ("guest=web,debug-threads=on", "web"),
        ("a,,b,debug-threads=on", "a,b"),
        ("", ""),
    ],
)
def test_the_name_a_process_was_started_with(given_name: str, name: str) -> None:
    """QEMU's option syntax: what follows a comma is another property, unless the comma is written twice."""
    assert process_name({"name": given_name}) == name
    assert process_name({}) == ""


def test_a_configuration_counts_up_to_its_first_section() -> None:
    """A snapshot's name is not the guest's, nor is what is in its description."""
    text = "#name: no\nname: web\n\n[before]\nname: old\n"

    assert configured_name(text, "name") == "web"
    assert configured_name(text.replace("name: web\n", ""), "name") == ""
    assert configured_name("hostname: db.example.org\n", "hostname") == "db.example.org"
    assert configured_name("vmname: web\n", "name") == ""
