"""The programs that are measured, each as it is run in earnest, on a free port of the loopback address."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.lab.network import free_port
from exporter.settings import COLLECTORS
from tests.bench.bare import bare, libraries
from tests.bench.serving import serving
from tests.bench.site import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.lab.tools import Toolbox
    from tests.bench.machine import Machine
    from tests.bench.serving import Running

# The real powerstat knows only the machine's own /sys: the measured one's is put over it, for this process alone. It
# runs as the service does, not as root, for whom it would also follow every process that starts and ends.
_POWERSTAT = """\
#!/bin/sh
exec unshare --mount {mapping} sh -c \
    'mount --bind "$0" /sys/class && exec unshare --user --map-user=65534 {powerstat} "$@"' {classes} "$@"
"""
_MODULES = """\
modules:
  default:
    user: {user}
    pass: {password}
    driver: LAN_2_0
    privilege: admin
    # As long as a scrape may last, in milliseconds; FreeIPMI's own 20 s would outlive it.
    timeout: 10000
    collectors: [dcmi]
"""


class Tools:
    """The tools that the exporters start, without the wrapper that unpacked ones have: its time is nobody's."""

    def __init__(self, toolbox: Toolbox, machine: Machine, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        programs = {name: bare(toolbox, name) for name in ("ipmitool", "ipmi-dcmi", "powerstat")}
        for name in ("ipmitool", "ipmi-dcmi"):
            (folder / name).symlink_to(programs[name])
        script = folder / "powerstat"
        mapping = "" if os.geteuid() == 0 else "--map-root-user"
        script.write_text(
            _POWERSTAT.format(mapping=mapping, powerstat=programs["powerstat"], classes=machine.sysfs / "class")
        )
        script.chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": libraries(toolbox),
            "IPMI_PASSWORD": PASSWORD,
        }


class Programs:
    """Starts them for one machine."""

    def __init__(self, toolbox: Toolbox, machine: Machine, folder: Path) -> None:
        self._toolbox = toolbox
        self._machine = machine
        self._folder = folder
        self._tools = Tools(toolbox, machine, folder / "tools")

    @contextmanager
    def wattshift(self, *flags: str) -> Iterator[Running]:
        """Run this project's exporter."""
        program = Path(sys.executable).with_name("wattshift-exporter")
        with self._running("wattshift", str(program), "--log.level=error", *flags) as running:
            yield running

    @contextmanager
    def all_sources(self, bmc: str, *flags: str) -> Iterator[Running]:
        """Run this project's exporter with every source on, at its own pace; ``bmc`` is the node's."""
        with self.wattshift(*self._machine.flags, *self.remote(bmc), *flags) as running:
            yield running

    @contextmanager
    def like_the_peers(self, bmc: str) -> Iterator[Running]:
        """Run this project's exporter with the sources that the other two have: RAPL and the BMC."""
        with self.all_sources(bmc, *_without("rapl", "dcmi")) as running:
            yield running

    @contextmanager
    def fleet(self) -> Iterator[Running]:
        """Run this project's exporter for other machines' BMCs alone."""
        modules = self._folder / "modules.yml"
        modules.write_text(f'modules:\n  default:\n    user: {USER}\n    pass: "{PASSWORD}"\n    timeout: 10s\n')
        modules.chmod(0o600)
        with self.wattshift(f"--dcmi.modules-file={modules}", *self._machine.flags, *_without("rapl")) as running:
            yield running

    def remote(self, bmc: str) -> list[str]:
        """Return the flags that lead to a BMC."""
        return [f"--dcmi.host={bmc}", f"--dcmi.port={self._machine.port}", f"--dcmi.user={USER}"]

    @contextmanager
    def node_exporter(self) -> Iterator[Running]:
        """Run Debian's node exporter with its rapl collector alone, over the same tree."""
        flags = ("--collector.disable-defaults", "--collector.rapl", f"--path.sysfs={self._machine.sysfs}")
        with self._running("node_exporter", str(self._toolbox.find("node_exporter")), *flags) as running:
            yield running

    @contextmanager
    def ipmi_exporter(self) -> Iterator[Running]:
        """Run Debian's IPMI exporter with its dcmi collector, over FreeIPMI."""
        modules = self._folder / "ipmi.yml"
        modules.write_text(_MODULES.format(user=USER, password=PASSWORD))
        flags = (f"--config.file={modules}", f"--freeipmi.path={self._tools.folder}")
        with self._running("ipmi_exporter", str(self._toolbox.find("ipmi_exporter")), *flags) as running:
            yield running

    @contextmanager
    def _running(self, name: str, *command: str) -> Iterator[Running]:
        port = free_port()  # node_exporter's log does not tell which one the kernel chose for 0
        listen = f"--web.listen-address=127.0.0.1:{port}"
        with serving([*command, listen], port, self._folder / f"{name}.log", self._tools.environment) as running:
            yield running


def _without(*kept: str) -> list[str]:
    """Return the flags that turn every source off but these."""
    return [f"--no-collector.{name}" for name in COLLECTORS if name not in kept]
