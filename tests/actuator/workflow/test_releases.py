"""The whole way on every Proxmox VE that is supported, whatever it calls missing or shapes otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.jobs import JobState
from actuator.policy.reasons import Reason
from deploy.lab.plans import two_nodes
from deploy.lab.pve.releases import PLAYED
from tests.actuator.workflow.bench import ORDER, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.plan import PveVersion

CHOOSE = replace(ORDER, vmid=None, target_node=None)


@pytest.mark.parametrize("ha", [False, True], ids=["plain", "under HA"])
@pytest.mark.parametrize("version", PLAYED)
def test_a_whole_job(tmp_path: Path, version: PveVersion, *, ha: bool) -> None:
    """A named guest goes to a node that was asleep; where tags are told at all, one that is left to choose as well."""
    plan = two_nodes()
    plan = replace(plan, version=version, guests=(replace(plan.guests[0], ha=ha),))
    with Bench(tmp_path, plan) as bench:
        chosen = bench.run(bench.order(CHOOSE))
        if version == "7.2":
            assert chosen.reason is Reason.NO_CANDIDATE_GUEST
            chosen = bench.run(bench.order())

        assert chosen.state is JobState.SUCCEEDED, chosen.message
        assert (chosen.vmid, bench.lab.guest(100).node) == (100, "pve")
        assert [task.type for task in bench.lab.tasks] == (["hamigrate"] if ha else []) + ["qmigrate"]


@pytest.mark.parametrize(("version", "reason"), [("7.4", Reason.ACCEPTED), ("9.1", Reason.HA_AFFINITY)])
def test_rules_that_a_release_does_not_have_keep_nothing_apart(
    tmp_path: Path, version: PveVersion, reason: Reason
) -> None:
    """HA knows affinity rules since 9.0; before, nothing of the kind is told, and nothing refused."""
    plan = two_nodes()
    nodes = tuple(replace(node, on=True) for node in plan.nodes)
    guest = replace(plan.guests[0], ha=True, apart_from=(101,))
    guests = (guest, replace(guest, vmid=101, node="pve", tags=(), apart_from=()))
    with Bench(tmp_path, replace(plan, version=version, nodes=nodes, guests=guests)) as bench:
        assert bench.run(bench.order()).reason is reason
