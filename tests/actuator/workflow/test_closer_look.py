"""What only a closer look at one move tells: it is looked for before anything is woken, and finds a better choice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import JobState
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from deploy.lab.faults import Answer
from deploy.lab.plan import StoragePlan
from tests.actuator.workflow.bench import ORDER, RULES, Bench
from tests.actuator.workflow.plans import THREE_NODES, awake, node, with_guest

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import Plan

OPEN = replace(ORDER, target_node=None)
TO_PVE3 = replace(ORDER, target_node="pve3")

REPLICATED = awake(with_guest(replicas=("pve",)), third=node())
ANOTHER_CPU = awake(with_guest(cpu="host"), third=node(cpu_model="AMD EPYC 7302"))
LESSER_CPU = awake(with_guest(cpu="x86-64-v3"), third=node(cpu_flags="pni ssse3 sse4_1 sse4_2 popcnt aes avx"))
OUTDATED = awake(with_guest(), third=node(version="9.1.1"))
WITHOUT_STORAGE = replace(
    awake(with_guest(), third=node()),
    storages=(StoragePlan("shared", "nfs", shared=True, nodes=frozenset({"pve", "pve2"})),),
)


@pytest.mark.parametrize(
    ("plan", "reason", "words"),
    [
        (REPLICATED, Reason.GUEST_REPLICATED_ELSEWHERE, "replicated to pve"),
        (ANOTHER_CPU, Reason.TARGET_CPU_DIFFERS, "pve3 has AMD EPYC 7302, pve2 has Simulated CPU"),
        (LESSER_CPU, Reason.TARGET_CPU_DIFFERS, "the processor of pve3 lacks what that needs (abm, avx2, bmi1"),
        (OUTDATED, Reason.TARGET_OUTDATED, "9.1.1, older than 9.1.9"),
        (WITHOUT_STORAGE, Reason.NO_TARGET_FITS, "unavailable storages: shared"),
    ],
    ids=["replicated", "another processor", "a lesser processor", "outdated", "without its storage"],
)
def test_a_target_that_only_a_closer_look_rules_out(tmp_path: Path, plan: Plan, reason: Reason, words: str) -> None:
    """Named, it is refused for what it is, and nothing was asked for; when we choose, the other node is taken."""
    with Bench(tmp_path, plan, rules=THREE_NODES) as bench:
        refused = bench.run(bench.order(TO_PVE3))

        assert (refused.state, refused.reason) == (JobState.SKIPPED, reason)
        assert words in refused.message
        assert bench.sent("POST", "/migrate") == []

        moved = bench.run(bench.order(OPEN))

        assert (moved.state, moved.target) == (JobState.SUCCEEDED, "pve"), moved.message


def test_a_target_with_idle_storages_is_passed_over(tmp_path: Path) -> None:
    """Of two awake nodes the one that can use the guest's storage now is chosen, though the other has more memory."""
    with Bench(tmp_path, awake(with_guest(), third=node()), rules=THREE_NODES) as bench:
        body = '{"data":[{"storage":"shared","active":0,"enabled":1,"type":"nfs","content":"images"}]}'
        bench.lab.faults.add(Answer("GET", "/nodes/pve3/storage", times=None, status=200, reason="OK", body=body))

        assert bench.run(bench.order(OPEN)).target == "pve"


def test_what_the_early_look_cannot_tell_is_met_before_the_request(tmp_path: Path) -> None:
    """A target that sleeps tells nothing of itself: awake, it is looked at again, and refused then."""
    plan = with_guest(cpu="host")
    asleep = tuple(replace(each, cpu_model="AMD EPYC 7302") if each.name == "pve" else each for each in plan.nodes)
    with Bench(tmp_path, replace(plan, nodes=asleep)) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, Reason.TARGET_CPU_DIFFERS)
        assert bench.lab.packets > 0
        assert bench.sent("POST", "/migrate") == []


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (with_guest(local_resources=("hostpci0",)), Reason.GUEST_HAS_LOCAL_RESOURCES),
        (with_guest(disks={"scsi0": "local:vm-100-disk-0,size=32G"}), Reason.GUEST_HAS_LOCAL_DISKS),
        (with_guest(replicas=("pve3",)), Reason.GUEST_REPLICATED_ELSEWHERE),
    ],
    ids=["passed-through device", "local disk", "replicated elsewhere"],
)
def test_no_node_is_woken_for_a_guest_that_must_stay(tmp_path: Path, plan: Plan, reason: Reason) -> None:
    """What the source and a quorate cluster tell of the guest is asked before its target, which sleeps, is woken."""
    with Bench(tmp_path, replace(plan, nodes=(*plan.nodes, node())), rules=THREE_NODES) as bench:
        job = bench.run(bench.order())

        assert (job.state, job.reason) == (JobState.SKIPPED, reason), job.message
        assert bench.lab.packets == 0


@pytest.mark.parametrize("call", ["/nodes/*/replication", "/nodes/*/version", "/nodes/*/qemu/*/migrate"])
def test_an_early_look_that_fails_delays_nothing(tmp_path: Path, call: str) -> None:
    """What Proxmox does not tell early is asked again before the migration; the decision goes ahead."""
    with Bench(tmp_path, awake(with_guest())) as bench:
        bench.lab.faults.add(Answer("GET", call, status=500, reason="not this time"))

        assert bench.run(bench.order()).state is JobState.SUCCEEDED


def test_power_chooses_the_target(tmp_path: Path) -> None:
    """The node with most headroom takes the guest, though the other has more memory; a full one refuses it by name."""
    power = Power({"pve": 50.0, "pve3": 190.0}, {"pve": 200.0, "pve3": 200.0}, {100: 30.0})
    with Bench(tmp_path, awake(with_guest(), third=node()), rules=THREE_NODES) as bench:
        bench.ticker = bench.new_ticker(power=lambda: power)

        refused = bench.run(bench.order(TO_PVE3))
        assert (refused.state, refused.reason) == (JobState.SKIPPED, Reason.TARGET_OVER_POWER)

        moved = bench.run(bench.order(OPEN))
        assert (moved.state, moved.target) == (JobState.SUCCEEDED, "pve")


@pytest.mark.parametrize(("version", "sent"), [("7.4", None), ("8.2.5", None), ("9.1", "1")])
def test_only_what_the_version_knows_is_sent(tmp_path: Path, version: str, sent: str | None) -> None:
    """The same move on each release; connection tracking goes along only where the parameter is no error."""
    plan = replace(awake(with_guest()), version=version)  # type: ignore[arg-type]  # a PveVersion
    with Bench(tmp_path, plan, rules=replace(RULES, conntrack_state=True)) as bench:
        job = bench.run(bench.order())

        assert job.state is JobState.SUCCEEDED, job.message
        (request,) = bench.sent("POST", "/migrate")
        assert request.parameters.get("with-conntrack-state") == sent
        assert "with-local-disks" not in request.parameters
