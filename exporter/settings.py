"""Everything the exporter can be told, in one frozen object; `exporter.cli` makes it from flags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

COLLECTORS = ("rapl", "dcmi", "hwmon", "powerstat", "guests")
NODE_SOURCES = ("dcmi", "acpi", "psu", "psys", "rapl", "powerstat")
"""The figures that may stand for the whole node, best first: the BMC, ACPI's meter, the power supplies together, the
platform, packages and memory, packages alone."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When a source is read: the pause between reads and the longest a read may take, in seconds."""

    interval: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Bmc:
    """A remote BMC, spoken to over IPMI 2.0 (RMCP+, ``ipmitool -I lanplus``)."""

    host: str
    port: int
    user: str | None
    password: str = field(repr=False)
    cipher_suite: int | None = None
    privilege: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The exporter's settings; the roots of sysfs, procfs and run are among them, so tests need no patching."""

    node: str
    listen_host: str = ""
    listen_port: int = 19100
    web_config: Path | None = None
    sysfs: Path = Path("/sys")
    procfs: Path = Path("/proc")
    run: Path = Path("/run")
    pve: Path = Path("/etc/pve")
    etc: Path = Path("/etc")
    dev: Path = Path("/dev")
    collectors: frozenset[str] = frozenset(COLLECTORS)
    rapl: Pace = Pace(interval=5.0, deadline=2.0)
    # A BMC's management processor is slow and serial: ask it no oftener than this (IPMI 2.0, section 9: KCS).
    dcmi: Pace = Pace(interval=10.0, deadline=8.0)
    # hwmon has mostly slow meters, and guests are means over the window: more reads would cost more than they tell.
    hwmon: Pace = Pace(interval=10.0, deadline=2.0)
    powerstat: Pace = Pace(interval=1.0, deadline=10.0)
    guests: Pace = Pace(interval=10.0, deadline=2.0)
    max_age: float = 30.0
    node_order: tuple[str, ...] = NODE_SOURCES
    bmc: Bmc | None = None
    dcmi_interface: str = "open"
    dcmi_accept_inactive: bool = False
    modules_file: Path | None = None
    log_level: str = "info"
    watch: bool = False

    def hurried(self, interval: float, deadline: float = math.inf) -> Settings:
        """Return these settings with every source read at least so often, and given no longer than ``deadline``."""
        paces: dict[str, Any] = {}
        for name in COLLECTORS:
            pace: Pace = getattr(self, name)
            paces[name] = Pace(min(pace.interval, interval), min(pace.deadline, deadline))
        return replace(self, **paces)
