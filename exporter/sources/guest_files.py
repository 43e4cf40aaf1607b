"""What the kernel's and Proxmox's files say of guests. Pure: text in, figures and names out.

A file that was cut short must not turn into a smaller figure or another name, so a line counts only with its end.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from exporter.cpu_window import MachineTimes
from exporter.readings import Reason, SourceError, printable

# 20 digits hold any 64-bit count.
_MACHINE = re.compile(r"cpu +" + " ".join([r"([0-9]{1,20})"] * 8) + r"(?: [0-9]{1,20})*\n")
_PROGRAM = re.compile(r"kvm|qemu-.+")
_PIDFILES = ("/var/run/qemu-server/{}.pid", "/run/qemu-server/{}.pid")
_STATE, _START = 0, 19  # fields 3 and 22 of /proc/<pid>/stat (proc_pid_stat(5)), counted from behind the command


@dataclass(frozen=True, slots=True)
class Process:
    """A process as ``/proc/<pid>/stat`` shows it: alive or a zombie, and when it began (in ticks since boot)."""

    alive: bool
    start: int


def parse_machine(text: str) -> MachineTimes:
    """Return the CPU times of the first line of ``/proc/stat``.

    Raises:
        SourceError: parse.
    """
    match = _MACHINE.match(text)
    if match is None:
        raise SourceError(Reason.PARSE, f"{text[:60]!r} is not the first line of /proc/stat with its 8 CPU times")
    return MachineTimes(*(int(ticks) for ticks in match.groups()))


def parse_keyed(text: str, key: str) -> int:
    """Return the figure of ``key`` in a flat keyed file of a cgroup (Documentation/admin-guide/cgroup-v2.rst).

    Raises:
        SourceError: parse.
    """
    match = re.search(rf"^{key} ([0-9]{{1,20}})\n", text, re.MULTILINE)
    if match is None:
        raise SourceError(Reason.PARSE, f"no whole line says {key!r} in {text[:60]!r}")
    return int(match[1])


def parse_pids(text: str) -> list[int]:
    """Return the process ids in a pidfile or a ``cgroup.procs``; 0, a process of another namespace, is left out."""
    return [int(line) for line in text.split("\n") if re.fullmatch(r"[1-9][0-9]{0,9}", line)]


def parse_process(text: str) -> Process:
    """Return what ``/proc/<pid>/stat`` says; the command in it may hold blanks and brackets.

    Raises:
        SourceError: parse.
    """
    fields = text.rpartition(")")[2].split(" ")[1:]
    if not (text.endswith("\n") and len(fields) > _START + 1 and re.fullmatch(r"[0-9]{1,20}", fields[_START])):
        raise SourceError(Reason.PARSE, f"{text[:60]!r} is not what proc_pid_stat(5) describes")
    return Process(alive=fields[_STATE] not in {"Z", "X", "x"}, start=int(fields[_START]))


def parse_options(cmdline: str) -> dict[str, str] | None:
    """Return the options of a QEMU process by name, or None when its ``/proc/<pid>/cmdline`` is not QEMU's.

    As parse_cmdline does in Proxmox's qemu-server (PVE/QemuServer/Helpers.pm): the program is ``kvm``, or ``qemu-...``
    for a guest of a foreign architecture, and an option's value is the argument after it.
    """
    program, *arguments = cmdline.split("\0")[:-1] or [""]
    if not _PROGRAM.fullmatch(posixpath.basename(program)):
        return None
    options: dict[str, str] = {}
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument.removeprefix("-").removeprefix("-")
        elif option:
            options[option] = argument
            option = ""
    return options


def is_guest(options: dict[str, str], vmid: str) -> bool:
    """Tell whether a QEMU with these options is the guest: its pidfile is that guest's (/var/run is /run)."""
    return options.get("pidfile") in {pattern.format(vmid) for pattern in _PIDFILES}


def process_name(options: dict[str, str]) -> str:
    """Return the guest's name from ``-name web,debug-threads=on``; QEMU writes a comma in a value twice.

    It becomes a label: control characters are escaped.
    """
    match = re.match(r"(?:guest=)?((?:[^,]|,,)*)", options.get("name", ""))
    return printable(match[1].replace(",,", ",")) if match else ""


def configured_name(text: str, key: str) -> str:
    """Return ``key`` of a guest's configuration (qm.conf(5), pct.conf(5)), or nothing; control characters are escaped.

    What follows a ``[section]`` is a snapshot's, or waits for the guest's next start.
    """
    for line in text.split("\n")[:-1]:
        if line.startswith("["):
            break
        match = re.fullmatch(rf"{key}:\s*(\S+)\s*", line)
        if match:
            return printable(match[1])
    return ""
