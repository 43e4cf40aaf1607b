"""What the figures were measured on: the machine, and the versions of everything that was compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.lab.tools import Toolbox

_VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Compared:
    """What took part.

    Attributes:
        libraries: Of ours.
        tools: Others' programs, and the flag that makes each tell its version.
    """

    libraries: tuple[str, ...]
    tools: Mapping[str, str]


EXPORTERS = Compared(
    ("prometheus-client",),
    {
        "node_exporter": "--version",
        "ipmi_exporter": "--version",
        "ipmi-dcmi": "--version",
        "ipmitool": "-V",
        "powerstat": "-h",
    },
)
ACTUATOR = Compared(("uvicorn", "fastapi", "sqlalchemy", "proxmoxer"), {"webhook": "-version", "wakeonlan": "-v"})


def collect(toolbox: Toolbox, compared: Compared) -> dict[str, str]:
    """Return the facts by name, each as a short text."""
    libraries = [f"{name} {version(name)}" for name in compared.libraries]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_model(Path('/proc/cpuinfo').read_text())}",
        "kernel": platform.release(),
        "Python": ", ".join([platform.python_version(), *libraries]),
        **{name: _version_of(toolbox.find(name), flag) for name, flag in compared.tools.items()},
    }


def _model(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def _version_of(program: Path, flag: str) -> str:
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=60)
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"
