"""A Debian release with the exporter's package installed, and its administrator's hands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from deploy.lab.userland import RELEASES

if TYPE_CHECKING:
    from tests.deploy.machine import Machine

UNIT = "wattshift-exporter.service"
USER = "wattshift-exporter"
DEFAULTS = "/etc/default/wattshift-exporter"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
EACH_RELEASE = [
    # The first test of a release waits until it is made.
    pytest.param(release, marks=[pytest.mark.xdist_group(f"debian-{release}"), pytest.mark.timeout(600)])
    for release in RELEASES
]
_GROUP = f"/sys/fs/cgroup/system.slice/{UNIT}"


@dataclass(frozen=True)
class Node:
    """A machine with the package installed."""

    release: str
    machine: Machine

    def status(self, field: str) -> str:
        """Return a field of the exporter's /proc/<pid>/status."""
        text = self.machine.path(f"/proc/{self.machine.property('MainPID')}/status").read_text()
        found = re.search(rf"^{field}:\s*(.*)$", text, re.MULTILINE)
        assert found
        return found[1]

    def programs(self) -> list[str]:
        """Return the names of the processes in the service's cgroup."""
        pids = self.machine.do("sh", "-c", f"cat {_GROUP}/cgroup.procs 2> /dev/null || true").split()
        return sorted(self.machine.path(f"/proc/{pid}/comm").read_text().strip() for pid in pids)

    def restart(self, *flags: str, secret: str = "") -> None:
        """Give the service other flags, as an administrator does, and restart it."""
        self.machine.path(DEFAULTS).write_text(f'ARGS="{" ".join(flags)}"\nIPMI_PASSWORD="{secret}"\n')
        self.machine.do("systemctl", "daemon-reload")
        self.start()

    def start(self) -> None:
        """Start the service anew, however often that was done in the last seconds."""
        self.machine.run("systemctl", "reset-failed", UNIT)
        self.machine.do("systemctl", "restart", UNIT)
