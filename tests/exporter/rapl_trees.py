"""Machines of three RAPL zones, and what the node draws by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.node_power import figure
from exporter.readings import Snapshot, SourceState
from tests.exporter.worlds import write_zone

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.readings import Sample

GOOD = {("1", "", "package"), ("1", "", "dram")}
"""What the zones of a machine show when the first is at fault."""


def three_zones(root: Path) -> Path:
    """Write a machine whose first package is to suffer; return that package's folder."""
    write_zone(root, "intel-rapl:1", "package-1", 7)
    write_zone(root, "intel-rapl:1:0", "dram", 7)
    return write_zone(root, "intel-rapl:0", "package-0", 7)


def node_watts(sample: Sample, source: str = "rapl") -> float | None:
    """Return what this read makes of the node's figure."""
    return figure(
        Snapshot((SourceState("rapl", sample.up, sample.readings, sample.failures, None, None, {}, 1),)), source
    )


def used(root: Path, seconds: float, watts: dict[str, int]) -> None:
    """Let counters that began at 7 show what was used since."""
    for folder, power in watts.items():
        (root / "class" / "powercap" / folder / "energy_uj").write_text(f"{7 + round(seconds * power * 1e6)}\n")


THREE = {"intel-rapl:0": 100, "intel-rapl:1": 70, "intel-rapl:1:0": 9}
