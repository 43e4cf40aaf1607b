"""Waking the target."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.waking import Chain, MagicPacket, WakeTarget
from actuator.errors import StoreUnavailable
from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from actuator.workflow.timing import Timing
from deploy.lab.faults import Answer
from tests.actuator.workflow.bench import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.policy.jobs import Job


def packets(target: WakeTarget) -> Chain:
    """Magic packets for the sleeping node, sent there."""
    return Chain({"pve": [MagicPacket({"pve": target})]})


def deaf(bench: Bench) -> None:
    """Let the workflow send to an address that no network card has."""
    target = WakeTarget("02:00:00:00:00:99", "127.255.255.255", bench.lab.wake_port)
    bench.ticker = bench.new_ticker(waker=packets(target))


def test_a_node_that_never_wakes_fails_the_job(bench: Bench) -> None:
    """Packets are repeated until the boot timeout; then the message says what to check, and the guest stayed."""
    deaf(bench)

    job = bench.run(bench.order())

    assert (job.state, job.failure) == (JobState.FAILED, Failure.NEVER_WOKE)
    assert job.checkpoint.packets_sent == bench.lab.packets == 3 * 60 // 20
    for hint in ("Wake-on-LAN", "ethtool", "nodes.pve.wake.mac", "ErP"):
        assert hint in job.message
    assert bench.lab.guest(100).node == job.guest_node == "pve2"
    assert job.finished_at is not None


def test_it_is_not_woken_again_until_it_was_seen_online(bench: Bench) -> None:
    """The node is in quarantine for the next order; started by hand, it is trusted again."""
    deaf(bench)
    bench.run(bench.order())

    refused = bench.run(bench.order())
    assert (refused.state, refused.reason) == (JobState.SKIPPED, Reason.TARGET_QUARANTINED)

    bench.lab.power_on("pve")
    bench.pass_time(60)
    assert bench.run(bench.order()).state is JobState.SUCCEEDED
    assert bench.store.history(0).quarantined == {}


def test_each_node_has_its_own_patience(tmp_path: Path) -> None:
    """A node's own boot timeout goes before the general one."""
    with Bench(tmp_path, timing=Timing(boot_timeout_seconds=300, boot_timeouts={"pve": 40})) as bench:
        deaf(bench)

        job = bench.run(bench.order())

    assert "in 40 s" in job.message
    assert "by magic_packet (6 magic packets)" in job.message


def test_somebody_elses_hand_counts(bench: Bench) -> None:
    """A node that comes for any other reason is as good; it was not our wake that took so long."""
    deaf(bench)
    job_id = bench.order()
    bench.run(job_id, JobState.WAKING)
    bench.lab.power_on("pve")
    bench.pass_time(30)

    assert bench.run(job_id).state is JobState.SUCCEEDED
    assert bench.figures.wakes == []


def test_proxmox_may_be_away_while_the_node_boots(bench: Bench) -> None:
    """Errors of the one awake node, shorter than the patience with them, change nothing."""
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.packets_sent > 0)
    bench.lab.faults.add(Answer("GET", "/cluster/status", times=3, status=595, reason="Connection refused"))

    job = bench.run(job_id)

    assert job.state is JobState.SUCCEEDED


def test_patience_with_proxmox_begins_anew_after_an_answer(tmp_path: Path) -> None:
    """Away twice, each time for less than the patience but for more in all: that is no reason to give up."""
    timing = Timing(boot_timeout_seconds=600, unreachable_timeout_seconds=60)
    with Bench(tmp_path, timing=timing) as bench:
        deaf(bench)
        job_id = bench.order()
        bench.run(job_id, JobState.WAKING)
        for _ in range(3):
            fault = Answer("GET", "/cluster/status", times=None, status=595, reason="Connection refused")
            bench.lab.faults.add(fault)
            bench.run(job_id, lambda job: job.checkpoint.failures == 5)
            fault.times = 0
            bench.run(job_id, lambda job: job.checkpoint.failures == 0)

        assert bench.job(job_id).state is JobState.WAKING
        assert bench.job(job_id).checkpoint.failing_since is None


def test_proxmox_away_for_good_is_no_reason_to_blame_the_node(bench: Bench) -> None:
    """With nobody to say whether the node has joined, it is not the node that failed."""
    deaf(bench)
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.packets_sent > 0)
    bench.lab.faults.add(Answer("GET", "/cluster/status", times=None, status=595, reason="Connection refused"))

    job = bench.run(job_id)

    assert job.failure is Failure.PROXMOX_UNREACHABLE
    assert bench.store.history(0).quarantined == {}


def test_a_network_that_takes_no_packet_is_told(bench: Bench) -> None:
    """The reason is in the history at once, and in the failure at the end; the node itself is not to blame."""
    target = WakeTarget("0c:9d:92:86:bb:63", "127.255.255.255", bench.lab.wake_port, interface="192.0.2.1")
    bench.ticker = bench.new_ticker(waker=packets(target))
    job_id = bench.order()

    job = bench.run(job_id)

    assert job.failure is Failure.NEVER_WOKE
    assert "nodes.pve.wake.interface" in job.message
    assert sum("could not be sent" in message for message in bench.messages(job_id)) == 2
    assert bench.store.history(0).quarantined == {}


def test_a_node_without_a_way_to_wake_it_fails_at_once(bench: Bench) -> None:
    """A target that went off after preflight, and cannot be woken, is told as that."""
    bench.ticker = bench.new_ticker(waker=Chain({}))

    job = bench.run(bench.order())

    assert job.failure is Failure.NEVER_WOKE
    assert "add nodes.pve.wake" in job.message


def test_a_restart_does_not_forget_the_packets(bench: Bench) -> None:
    """A new process goes on with the same deadline and sends only when the next burst is due."""
    deaf(bench)
    job_id = bench.order()
    bench.run(job_id, lambda job: job.checkpoint.packets_sent == 3)
    deaf(bench)

    def later(job: Job) -> bool:
        return job.checkpoint.packets_sent == 6

    began = bench.job(job_id).checkpoint
    job = bench.run(job_id, later)

    assert began.last_packet_at is not None
    assert job.checkpoint.last_packet_at == began.last_packet_at + 20
    assert job.checkpoint.step_started_at == began.step_started_at
    assert replace(job.checkpoint, packets_sent=3, last_packet_at=began.last_packet_at) == began


def test_a_disk_that_takes_nothing_sends_no_storm_of_packets(bench: Bench) -> None:
    """Asked to wake, which cannot be written down: the pause until the next request holds, and nothing is forgotten."""
    deaf(bench)
    job_id = bench.order()
    bench.run(job_id, JobState.WAKING)
    began = bench.now
    with closing(sqlite3.connect(str(bench.store.database.engine.url.database))) as disk:
        disk.execute("CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT json('no space'); END")
        for _ in range(30):
            with pytest.raises(StoreUnavailable):
                bench.tick(job_id)
            bench.pass_time(1)
        assert bench.lab.packets == 6, "two rounds in thirty seconds, twenty apart"
        disk.execute("DROP TRIGGER full")
    bench.tick(job_id)

    checkpoint = bench.job(job_id).checkpoint
    assert (checkpoint.packets_sent, checkpoint.asked_at, checkpoint.last_packet_at) == (6, began, began + 20)
