"""Guests that come, go, restart and work at any moment: what scrapes show all the while."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from exporter.exposition import Exposition
from exporter.readings import Sample, Snapshot
from exporter.sources.dcmi import WATTS, Dcmi
from exporter.sources.guests import Guests
from tests.exporter.proxmox import SECOND, TICKS_PER_SECOND, ProxmoxNode, cpu_stat, state_of
from tests.exporter.worlds import snapshot

CPUS = 4
VMIDS = (100, 101, 102)
TICK = SECOND // TICKS_PER_SECOND

vmids = st.sampled_from(VMIDS)
events = st.one_of(
    st.tuples(st.just("start"), vmids, st.integers(0, 10**12)),
    st.tuples(st.just("stop"), vmids),
    st.tuples(st.just("spoil"), vmids),
    st.tuples(st.just("mend"), vmids),
    # Ticks that pass, and how busy each guest and the host are with one of the processors each, in percent.
    st.tuples(st.just("work"), st.integers(1, 500), *[st.integers(0, 100)] * CPUS),
    st.tuples(st.just("read"), st.floats(0, 2000)),
)

BEGIN = (("start", 100, 7), ("start", 101, 0), ("work", 50, 1, 99, 2, 3), ("read", 70))
END = (("work", 100, 9, 50, 50, 50), ("read", 80), ("work", 1, 0, 0, 0, 0), ("read", 90))


class World:
    """A node, and beside it what each of its guests truly used since the last read."""

    def __init__(self, root: Path) -> None:
        self.node = ProxmoxNode(root)
        self._guests = self.node.source()
        self.counters: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self.steady: set[int] = set()
        self.spoilt: set[int] = set()
        self.passed = 0
        self._machine = 0
        self._spent = 0

    def start(self, vmid: int, counter: int) -> None:
        """Let a guest come, or restart, with any count: it may have run here before the exporter did."""
        self.stop(vmid)
        self.node.start_vm(vmid, "web", counter)
        self.counters[vmid] = counter
        self.used[vmid] = 0

    def stop(self, vmid: int) -> None:
        """Let a guest go."""
        if self.counters.pop(vmid, None) is not None:
            self.node.stop_vm(vmid)
        self.steady.discard(vmid)
        self.spoilt.discard(vmid)

    def spoil(self, vmid: int) -> None:
        """Let a guest's counter be unreadable."""
        if vmid in self.counters:
            self.spoilt.add(vmid)
            self._write(vmid)

    def mend(self, vmid: int) -> None:
        """Let it be readable again."""
        self.spoilt.discard(vmid)
        self._write(vmid)

    def work(self, ticks: int, host: int, *busy: int) -> None:
        """Let time pass."""
        self.passed += ticks
        self._machine += ticks
        self._spent += ticks * TICK * host // 100
        for vmid, percent in zip(VMIDS, busy, strict=True):
            if vmid in self.counters:
                microseconds = ticks * TICK * percent // 100
                self._spent += microseconds
                self.used[vmid] += microseconds
                self.counters[vmid] += microseconds
                self._write(vmid)
        self.node.spend(self._spent // TICK, self._machine * CPUS - self._spent // TICK)

    def read(self, watts: float) -> list[tuple[str, float]]:
        """Scrape; return what is shown of guests, the host and idle time, and the node."""
        return shown(self._guests.read(), watts)

    def _write(self, vmid: int) -> None:
        if vmid in self.counters:
            text = "usage_usec 1" if vmid in self.spoilt else cpu_stat(self.counters[vmid])
            (self.node.scope(vmid) / "cpu.stat").write_text(text)

    def settle(self) -> None:
        """Begin the next window."""
        self.steady = set(self.counters) - self.spoilt
        self.used = dict.fromkeys(self.counters, 0)
        self.passed = 0


def shown(sample: Sample, watts: float) -> list[tuple[str, float]]:
    """Return a scrape's rows of power, the node's under ``node``."""
    whole = Snapshot((*snapshot([(WATTS, ("local",), watts)]).states, state_of(sample)))
    registry = CollectorRegistry()
    Exposition("pve2", (*Dcmi.families, *Guests.families), ("dcmi",), lambda: whole).register(registry)
    return [
        (metric.labels.get("id", "node"), metric.value)
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for metric in family.samples
        if metric.name in {"wattshift_guest_watts", "wattshift_node_watts"}
    ]


def check(world: World, rows: list[tuple[str, float]]) -> None:
    """Check a scrape against what truly happened in its window."""
    power = dict(rows)
    node = power.pop("node")
    assert len(rows) == len(power) + 1, "an id is shown twice"
    if not power:
        return
    assert {"host", "idle"} <= set(power) <= {"host", "idle", *(f"qemu/{vmid}" for vmid in world.counters)}
    assert sum(round(watts * 1e6) for watts in power.values()) == round(node * 1e6)
    assert all(watts >= 0 for watts in power.values())
    for vmid, used in world.used.items():
        fair = node * used / (world.passed * CPUS * TICK)
        found = power.get(f"qemu/{vmid}")
        assert (found is not None) == (vmid in world.steady - world.spoilt)
        assert found is None or abs(found - fair) < 2e-6


@settings(deadline=None, max_examples=120)
@given(st.lists(events, max_size=40))
def test_no_watt_is_negative_doubled_or_lost_whatever_guests_do(happened: list[tuple[Any, ...]]) -> None:
    """Each scrape adds up; a guest that was there all the window has its fair share, and any other is not shown."""
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name))
        for kind, *arguments in [*BEGIN, *happened, *END]:
            rows = getattr(world, kind)(*arguments)
            if kind == "read":
                check(world, rows)
                world.settle()
        assert "idle" in dict(rows)
