"""What the figures were measured on: the machine, and the versions of everything that was compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

_TOOLS = {
    "node_exporter": "--version",
    "ipmi_exporter": "--version",
    "ipmi-dcmi": "--version",
    "ipmitool": "-V",
    "powerstat": "-h",
}
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def collect(toolbox: Toolbox) -> dict[str, str]:
    """Return the facts by name, each as a short text."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_model(Path('/proc/cpuinfo').read_text())}",
        "kernel": platform.release(),
        "Python": f"{platform.python_version()}, prometheus-client {version('prometheus-client')}",
        **{name: _version_of(toolbox.find(name), flag) for name, flag in _TOOLS.items()},
    }


def _model(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1] if found else platform.machine()


def _version_of(program: Path, flag: str) -> str:
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=60)
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"
