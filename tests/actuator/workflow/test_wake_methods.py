"""A job wakes the lab's node by each method, and says how far the node came."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.waking import (
    Chain,
    Ipmi,
    IpmiAccess,
    MagicPacket,
    Method,
    PeerPacket,
    Redfish,
    RedfishAccess,
    WakeTarget,
)
from actuator.errors import LeadershipLost
from actuator.policy.jobs import Failure, JobState
from actuator.policy.reasons import Reason
from actuator.workflow.timing import Timing
from deploy.lab.faults import Answer
from deploy.lab.plan import BootTimes
from deploy.lab.plans import ORIGINAL_MAC, two_nodes
from tests.actuator.workflow.bench import WAKE, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.policy.jobs import Job
    from deploy.lab.plan import Plan
    from deploy.lab.tools import Toolbox

NEVER = 1e6
BRIEF = Timing(boot_timeout_seconds=25, ready_timeout_seconds=20, poll_seconds=2, packet_interval_seconds=10)
SECUREON = bytes.fromhex("a1b2c3d4e5f6")


class Methods:
    """Every way to wake the bench's sleeping node, as an operator would configure it."""

    def __init__(self, bench: Bench, toolbox: Toolbox) -> None:
        self._bench = bench
        self._toolbox = toolbox

    def __getitem__(self, name: str) -> Method:
        lab = self._bench.lab
        address, user, password = lab.address("pve"), lab.plan.bmc_user, lab.plan.bmc_password
        match name:
            case "redfish":
                host = f"{address}:{lab.ports.redfish}"
                return Redfish({"pve": RedfishAccess(host, user, password, verify=str(lab.ca_path))}, seconds=5)
            case "ipmi":
                self._toolbox.find("ipmitool")
                path = f"{self._toolbox.bin}:/usr/bin:/bin"
                return Ipmi({"pve": IpmiAccess(address, user, password, lab.ports.bmc)}, path=path)
            case "proxmox":
                return PeerPacket(self._bench.proxmox)
            case "deaf":
                return self._packets("02:00:00:00:00:99")
            case _:
                return self._packets(None)

    def _packets(self, mac: str | None) -> MagicPacket:
        target = WakeTarget(mac, "127.255.255.255", self._bench.lab.wake_port, "lo", SECUREON)
        return MagicPacket({"pve": target}, self._bench.store.nodes.mac)


def by(bench: Bench, toolbox: Toolbox, *names: str) -> None:
    """Let the workflow wake by these methods, in this order."""
    methods = Methods(bench, toolbox)
    bench.ticker = bench.new_ticker(waker=Chain({"pve": [methods[name] for name in names]}))


def stuck(**times: float) -> Plan:
    """A node whose boot comes to a halt."""
    return two_nodes(boot=BootTimes(**times))


def asked(bench: Bench, job: Job) -> dict[str, object]:
    """The facts of the first event that tells of a request to wake."""
    return dict(next(event.detail for event in bench.store.events(job.id) if "method" in event.detail))


@pytest.mark.parametrize("name", ["redfish", "ipmi", "proxmox", "magic_packet"])
def test_each_method_wakes_the_node(tmp_path: Path, toolbox: Toolbox, name: str) -> None:
    """The node boots, the guest moves, and event, metric and record tell the method and the time."""
    plan = two_nodes()
    plan = replace(plan, nodes=(replace(plan.nodes[0], secureon=SECUREON), plan.nodes[1]))
    if name == "proxmox":
        plan = two_nodes()  # its packets carry no password
    with Bench(tmp_path, plan) as bench:
        bench.store.nodes.mac_read("pve", ORIGINAL_MAC, 0, epoch=bench.epoch)
        by(bench, toolbox, name)

        job = bench.run(bench.order())

        assert (job.state, bench.lab.guest(100).node) == (JobState.SUCCEEDED, "pve")
        assert bench.lab.node("pve").boots == 1
        assert asked(bench, job)["method"] == job.checkpoint.wake_method == name
        [(node, method, seconds)] = bench.figures.wakes
        record = bench.store.nodes.all()["pve"]
        assert (node, method) == ("pve", name)
        assert (record.wake_succeeded, record.wake_method) == (True, name)
        assert record.wake_seconds == record.woke_seconds == pytest.approx(seconds)
        assert record.woke_at is not None


def test_the_next_method_helps_when_one_fails(bench: Bench, toolbox: Toolbox) -> None:
    """At once, and the event says which failed, by what cause, and what to check."""
    bench.lab.faults.add(Answer("GET", "/redfish/v1/Systems", times=None, status=500))
    by(bench, toolbox, "redfish", "magic_packet", "proxmox")  # the second has no address yet

    job = bench.run(bench.order())

    assert job.state is JobState.SUCCEEDED
    detail = asked(bench, job)
    assert detail["method"] == "proxmox"
    failures = detail["failures"]
    assert isinstance(failures, list)
    assert [(each["method"], each["cause"]) for each in failures] == [
        ("redfish", "refused"),
        ("magic_packet", "not_configured"),
    ]
    assert any("Not by redfish: the BMC at" in message for message in bench.messages(job.id))
    assert bench.sent("GET", "/cluster/status")[0].at == bench.sent("POST", "/wakeonlan")[0].at


def test_each_stage_is_timed_and_told(tmp_path: Path, toolbox: Toolbox) -> None:
    """From the request on: power, a sign of life, membership, quorum, API, storages, each with its seconds."""
    times = BootTimes(answers=4, joins=8, quorate=2, api=2, storages=2)
    with Bench(tmp_path, two_nodes(boot=times), timing=BRIEF) as bench:
        by(bench, toolbox, "redfish")

        job = bench.run(bench.order(WAKE))

        assert job.state is JobState.SUCCEEDED
        seconds = bench.store.events(job.id)[-1].detail["seconds"]
        assert isinstance(seconds, dict)
        assert {stage: round(after) for stage, after in seconds.items()} == pytest.approx(
            {"powered": 0, "answers": 4, "member": 12, "quorate": 14, "api": 16, "storage": 18}, abs=2
        )
        messages = "\n".join(bench.messages(job.id))
        assert "Node pve answers on its network, but has not joined the cluster yet." in messages
        assert "Node pve has joined the cluster." in messages


@pytest.mark.parametrize(
    ("boot", "method", "stage", "words"),
    [
        (stuck(), "deaf", "none", ("no sign of life", "Wake-on: g", "9 magic packets")),
        (stuck(answers=NEVER), "redfish", "powered", ("has power, but it does not answer", "console")),
        (stuck(joins=NEVER), "proxmox", "answers", ("2 s after the first request", "systemctl status corosync")),
    ],
    ids=["no sign of life", "power", "answers"],
)
def test_how_far_it_came_is_told(  # noqa: PLR0917 - pytest's arguments
    tmp_path: Path, toolbox: Toolbox, boot: Plan, method: str, stage: str, words: tuple[str, ...]
) -> None:
    """The failure names the stage and where to look; the node is in quarantine, and its record says why."""
    with Bench(tmp_path, boot, timing=BRIEF) as bench:
        by(bench, toolbox, method)

        job = bench.run(bench.order(WAKE))

        assert (job.state, job.failure) == (JobState.FAILED, Failure.NEVER_WOKE)
        assert bench.store.events(job.id)[-1].detail["stage"] == stage
        for word in words:
            assert word in job.message
        record = bench.store.nodes.all()["pve"]
        assert (record.wake_succeeded, record.wake_message, record.woke_at) == (False, job.message, None)
        assert record.quarantined == job.message
        assert bench.figures.wakes == []


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
def test_power_that_does_not_stay_is_told_as_that(tmp_path: Path, toolbox: Toolbox, times: int | None) -> None:
    """A BMC that takes the request and then finds the node off has not said that it has power; a later one may help."""
    with Bench(tmp_path, timing=BRIEF) as bench:
        bench.lab.faults.add(Answer("POST", "/redfish/v1/*", times=times, status=204))
        by(bench, toolbox, "redfish")

        job = bench.run(bench.order(WAKE))

        if times is not None:
            assert job.state is JobState.SUCCEEDED
            return
        assert (job.state, job.failure) == (JobState.FAILED, Failure.NEVER_WOKE)
        assert bench.store.events(job.id)[-1].detail["stage"] == "none"
        assert "its BMC took the request to switch it on, and then said that it was off" in job.message
        assert "has power" not in job.message
        assert "Wake-on-LAN" not in job.message


def test_methods_that_failed_are_told_at_the_end(tmp_path: Path, toolbox: Toolbox) -> None:
    """A node that gives no sign of life may merely not have been asked by the method that works; the same line once."""
    with Bench(tmp_path, timing=BRIEF) as bench:
        bench.lab.faults.add(Answer("GET", "/redfish/v1/Systems", times=None, status=401))
        by(bench, toolbox, "redfish", "deaf")

        job = bench.run(bench.order(WAKE))

        assert "no sign of life" in job.message
        assert "could not be asked by redfish: the BMC at" in job.message
        assert sum("Asked pve to wake" in message for message in bench.messages(job.id)) == 2


def test_who_has_lost_the_lead_wakes_nobody(bench: Bench, toolbox: Toolbox) -> None:
    """A leader that slept while another took over finds out before it asks."""
    by(bench, toolbox, "proxmox")
    job_id = bench.order()
    bench.run(job_id, JobState.WAKING)
    bench.store.next_epoch()

    with pytest.raises(LeadershipLost):
        bench.tick(job_id)
    assert bench.sent("POST", "/wakeonlan") == []


def test_a_node_that_is_on_already_is_told_as_that(tmp_path: Path, toolbox: Toolbox) -> None:
    """A BMC that says so is information: the node has power and has not joined; nobody claims to have woken it."""
    with Bench(tmp_path, stuck(joins=8), timing=BRIEF) as bench:
        bench.lab.power_on("pve")
        by(bench, toolbox, "redfish")

        job = bench.run(bench.order(WAKE))

        assert job.state is JobState.SUCCEEDED
        assert any("says that it is on already (redfish)" in message for message in bench.messages(job.id))
        assert bench.figures.wakes == []
        assert bench.store.nodes.all() == {}


def test_a_person_may_clear_the_quarantine(tmp_path: Path, toolbox: Toolbox) -> None:
    """After that the node is woken again, and its record is that of the newest wake."""
    with Bench(tmp_path, timing=BRIEF) as bench:
        by(bench, toolbox, "deaf")
        bench.run(bench.order(WAKE))
        assert bench.run(bench.order(WAKE)).reason is Reason.TARGET_QUARANTINED

        assert bench.store.clear_quarantine("pve", 0)
        by(bench, toolbox, "proxmox")

        assert bench.run(bench.order(WAKE)).state is JobState.SUCCEEDED
        record = bench.store.nodes.all()["pve"]
        assert (record.wake_succeeded, record.quarantined) == (True, None)


def test_nothing_but_keys_that_are_missing_fails_at_once(bench: Bench, toolbox: Toolbox) -> None:
    """There is nothing to wait for, and it is not the node's fault."""
    by(bench, toolbox, "magic_packet")

    job = bench.run(bench.order())

    assert job.failure is Failure.NEVER_WOKE
    assert "nodes.pve.wake.mac" in job.message
    assert job.updated_at - job.created_at < 20
    assert bench.store.history(0).quarantined == {}
