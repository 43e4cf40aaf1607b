"""What the real tools printed, and ways to play it back."""

from __future__ import annotations

import shlex
from pathlib import Path

from exporter.child import Ended

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

POWERSTAT_MMIO = FIXTURES / "powerstat" / "0.03.01-root-1socket-mmio-60samples.out"
POWERSTAT_TWO_SOCKETS = FIXTURES / "powerstat" / "0.04.06-root-2socket.out"


def ipmitool(name: str, seconds: float = 0.02) -> Ended:
    """Return one recorded run of ``ipmitool dcmi power reading``, its two outputs joined as the exporter reads them."""
    folder = FIXTURES / "ipmitool"
    text = (folder / f"{name}.err").read_text() + (folder / f"{name}.out").read_text()
    return Ended(text, int((folder / f"{name}.rc").read_text()), seconds)


def write_program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script called ``name`` that PATH can find; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def play_ipmitool(folder: Path, name: str) -> Path:
    """Make ``folder`` hold an ipmitool that answers every call with the recording ``name``."""
    stem = shlex.quote(str(FIXTURES / "ipmitool" / name))
    return write_program(folder, "ipmitool", f"cat {stem}.err >&2; cat {stem}.out; exit $(cat {stem}.rc)")


def play_inactive_ipmitool(folder: Path, change: str = "") -> Path:
    """Make ``folder`` hold an ipmitool whose meter measures and calls itself deactivated; ``change`` is sed's."""
    whole = shlex.quote(str(play_ipmitool(folder / "recorded", "active")))
    raw = r" dc d4 00 1c 00 ce 01 c9 00 a8 24 a8 68 80 ee 36\n 00 00\n\n"  # the same answer's bytes, as it prints them
    asks_raw = f"case \"$*\" in *raw*) printf '{raw}'; exit;; esac"
    return write_program(folder, "ipmitool", f"{asks_raw}; {whole} | sed 's/ activated/ deactivated/; {change}'")


def play_powerstat(folder: Path, recording: Path, pid_file: Path) -> Path:
    """Make ``folder`` hold a powerstat that prints ``recording`` and then runs on, its process id in ``pid_file``."""
    script = f"echo $$ > {shlex.quote(str(pid_file))}; cat {shlex.quote(str(recording))}; exec sleep 600"
    return write_program(folder, "powerstat", script)
