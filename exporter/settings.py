"""Everything the exporter can be told, in one frozen object; `exporter.cli` makes it from flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

COLLECTORS = ("rapl", "dcmi", "powerstat")
NODE_SOURCES = ("dcmi", "psys", "rapl", "powerstat")
"""The figures that may stand for the whole node, best first: the wall meter, the platform, packages and memory."""


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
    sysfs: Path = Path("/sys")
    procfs: Path = Path("/proc")
    run: Path = Path("/run")
    collectors: frozenset[str] = frozenset(COLLECTORS)
    rapl: Pace = Pace(interval=5.0, deadline=2.0)
    # A BMC's management processor is slow and serial: ask it no oftener than this (IPMI 2.0, section 9: KCS).
    dcmi: Pace = Pace(interval=10.0, deadline=8.0)
    powerstat: Pace = Pace(interval=1.0, deadline=10.0)
    max_age: float = 30.0
    node_order: tuple[str, ...] = NODE_SOURCES
    bmc: Bmc | None = None
    log_level: str = "info"
