"""The slow look beside the jobs."""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from actuator.adapters.node_records import WakeTest
from actuator.errors import LeadershipLost, ProxmoxUnreachable
from actuator.policy.audit import AuditEvent
from actuator.workflow.node_watch import NodeWatch
from deploy.lab.faults import Answer, Hang
from deploy.lab.plans import ORIGINAL_MAC
from tests.actuator.adapters.stores import quarantine

if TYPE_CHECKING:
    from tests.actuator.workflow.bench import Bench

CONFIG = "/nodes/pve2/config"


class Clock:
    """Unix seconds that a test moves."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def watch(bench: Bench, clock: Clock | None = None, **changes: Any) -> NodeWatch:
    """A look at both nodes, of the leader."""
    known = {"store": bench.store, "proxmox": bench.proxmox, "nodes": frozenset({"pve", "pve2"})}
    return NodeWatch(**{**known, "epoch": lambda: bench.epoch, "clock": clock or Clock(), **changes})


def test_addresses_are_read_while_a_node_is_up(bench: Bench) -> None:
    """Of the node that is up both addresses are remembered; the sleeper is not asked."""
    watch(bench).look()

    assert bench.store.nodes.mac("pve2") == "04:42:1a:e7:5a:a0"
    assert bench.store.nodes.address("pve2") == bench.lab.address("pve2")
    assert set(bench.store.nodes.all()) == {"pve2"}
    assert bench.sent("GET", "/nodes/pve/config") == []


def test_they_are_read_after_our_start_now_and_then_and_after_a_wake(bench: Bench) -> None:
    """Not at each look: a node's configuration hardly ever changes."""
    clock = Clock()
    looking = watch(bench, clock)

    def reads_after(seconds: float) -> int:
        clock.now += seconds
        looking.look()
        return len(bench.sent("GET", CONFIG))

    assert [reads_after(0), reads_after(60), reads_after(3500), reads_after(60)] == [1, 1, 1, 2]
    bench.store.nodes.woken(
        "pve2", WakeTest(clock.now, succeeded=True, method="ipmi", seconds=1.0, message="."), epoch=bench.epoch
    )
    assert [reads_after(1), reads_after(60)] == [3, 3]

    watch(bench, clock).look()
    assert len(bench.sent("GET", CONFIG)) == 4


def test_a_node_that_is_seen_online_leaves_its_quarantine(bench: Bench) -> None:
    """Without any job that asks for it, and the log says so; the sleeper stays in it."""
    for node in ("pve", "pve2"):
        quarantine(bench.store, node, "did not join", 0)

    with capture_logs() as logs:
        watch(bench).look()

    assert set(bench.store.history(0).quarantined) == {"pve"}
    assert [entry["node"] for entry in logs if entry["event"] == "node.quarantine_cleared"] == ["pve2"]
    [line] = [each for each in bench.store.audit(0, inf) if each.event is AuditEvent.QUARANTINE_CLEARED]
    assert (line.node, line.requested_by) == ("pve2", "the actuator")


def test_one_node_that_tells_nothing_does_not_spoil_the_look(bench: Bench) -> None:
    """It is told once, however often it happens, and asked again at the next look."""
    bench.lab.power_on("pve")
    bench.pass_time(60)
    fault = Answer("GET", CONFIG, times=2, status=403, reason="Permission check failed (/, Sys.Audit)")
    bench.lab.faults.add(fault)
    looking = watch(bench)

    with capture_logs() as logs:
        for _ in range(3):
            looking.look()

    assert [entry["node"] for entry in logs if entry["event"] == "node_watch.trouble"] == ["pve2"]
    assert bench.store.nodes.mac("pve") == ORIGINAL_MAC
    assert bench.store.nodes.mac("pve2") == "04:42:1a:e7:5a:a0"


def test_who_does_not_lead_does_not_look(bench: Bench) -> None:
    """A standby asks Proxmox nothing; one that lost the lead meanwhile writes nothing."""
    assert not watch(bench, epoch=lambda: None).look()
    assert bench.lab.requests == ()

    with pytest.raises(LeadershipLost):
        watch(bench, epoch=lambda: bench.epoch - 1).look()
    assert bench.store.nodes.all() == {}


def test_a_cluster_out_of_reach(bench: Bench) -> None:
    """Is an error of that look alone."""
    bench.lab.power_off("pve2")
    with pytest.raises(ProxmoxUnreachable):
        watch(bench).look()

    bench.lab.power_on("pve2")
    bench.pass_time(60)
    assert watch(bench).look()


def test_it_goes_on_in_a_thread_whatever_happens(bench: Bench) -> None:
    """Errors are outlived, and a look that hangs in a call keeps nobody from stopping."""
    looks = threading.Semaphore(0)
    hang = Hang("GET", "/cluster/status", times=None)

    def epoch() -> int:
        looks.release()
        return bench.epoch

    bench.lab.faults.add(Answer("GET", "/cluster/status", times=3, status=500, reason="rrdcached is away"))
    looking = watch(bench, epoch=epoch, look_seconds=0.01)
    looking.start()
    for _ in range(5):
        assert looks.acquire(timeout=30)
    bench.lab.wait_until(lambda: bench.store.nodes.mac("pve2") is not None)
    bench.lab.faults.add(hang)
    assert hang.arrived.wait(30)

    looking.stop(timeout=0.05)

    hang.release()
    looking.stop(timeout=30)
    assert not looking._thread.is_alive()
