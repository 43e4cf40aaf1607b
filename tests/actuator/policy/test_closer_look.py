"""What Proxmox alone knows of a move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.policy.closer_look import CloserLook, last_obstacle
from actuator.policy.cluster import Preconditions, Volume
from actuator.policy.ha import ClusterOptions, HaService, HaStatus
from actuator.policy.machines import Machine
from actuator.policy.reasons import Reason
from tests.actuator.policy.samples import AWAKE, GIB, GUEST, rules

if TYPE_CHECKING:
    from actuator.policy.cluster import Guest, Node

FREE = Preconditions(running=True, allowed_nodes=frozenset({"pve"}))
UNDER_HA = replace(GUEST, ha_state="started")
HA_IS_WELL = HaStatus("armed", {"vm:100": HaService("pve2", "started")})
DISK = Volume("local:100/vm-100-disk-0.raw", 2 * GIB, replicate=True)
COPIES = rules(local_disks_max_bytes=2 * GIB)
REBALANCING = ClusterOptions(ha_rebalancing=True)


@pytest.mark.parametrize(
    ("guest", "target", "look", "reason", "words"),
    [
        (
            UNDER_HA,
            AWAKE,
            CloserLook(ha=replace(HA_IS_WELL, services={"vm:100": HaService("pve2", "error")})),
            Reason.HA_SERVICE_ERROR,
            "service vm:100 is in the state 'error'",
        ),
        (replace(GUEST, ha_state="error"), AWAKE, CloserLook(), Reason.HA_SERVICE_ERROR, "given up on guest 100"),
        (UNDER_HA, AWAKE, CloserLook(ha=HaStatus("disarmed")), Reason.HA_DISARMED, "HA is disarmed and moves nothing"),
        (UNDER_HA, AWAKE, CloserLook(ha=HaStatus("disarming")), Reason.HA_DISARMED, "HA is disarming"),
        (UNDER_HA, AWAKE, CloserLook(options=REBALANCING), Reason.HA_REBALANCING, "guests.allow_ha_rebalancing"),
        (UNDER_HA, replace(AWAKE, ha_state="unknown"), CloserLook(), Reason.HA_TARGET_NOT_ONLINE, "'unknown'"),
        (
            GUEST,
            AWAKE,
            CloserLook(replace(FREE, ha_blockers={"pve": ("vm:101",)})),
            Reason.HA_AFFINITY,
            "keeps guest 100 apart from vm:101 on pve",
        ),
        (
            GUEST,
            AWAKE,
            CloserLook(replace(FREE, ha_dependents=("vm:102",))),
            Reason.HA_AFFINITY,
            "HA would move vm:102 along",
        ),
        (
            GUEST,
            AWAKE,
            CloserLook(FREE, replicas={"pve3": True}),
            Reason.GUEST_REPLICATED_ELSEWHERE,
            "replicated to pve3 and is moved nowhere else by Proxmox",
        ),
        (GUEST, AWAKE, CloserLook(FREE, idle_storages=("fast",)), Reason.NO_TARGET_FITS, "cannot use fast now"),
        (
            GUEST,
            AWAKE,
            CloserLook(replace(FREE, local_disks=(DISK,)), free_bytes={"local": 1}),
            Reason.TARGET_STORAGE_FULL,
            "come to 2.0 GiB",
        ),
        (
            replace(GUEST, kind="lxc"),
            AWAKE,
            CloserLook(replicas={"pve3": True}),
            Reason.GUEST_REPLICATED_ELSEWHERE,
            "would be copied whole to any other node",
        ),
        (
            GUEST,
            AWAKE,
            CloserLook(FREE, cpu_type="host", source=Machine("pve2", "A"), target=Machine("pve", "B")),
            Reason.TARGET_CPU_DIFFERS,
            "pve has B, pve2 has A",
        ),
    ],
)
def test_what_is_in_the_way_has_its_own_name(
    guest: Guest, target: Node, look: CloserLook, reason: Reason, words: str
) -> None:
    """Each obstacle has a reason and a sentence that says what to do."""
    found = last_obstacle(guest, target, look, COPIES)

    assert found is not None
    assert found.reason is reason
    assert words in found.message


@pytest.mark.parametrize(
    ("guest", "look"),
    [
        (UNDER_HA, CloserLook(FREE, ha=HA_IS_WELL, options=ClusterOptions())),
        (UNDER_HA, CloserLook(FREE, ha=HaStatus("standby"))),
        (UNDER_HA, CloserLook(options=replace(REBALANCING, ha_settled=frozenset({"vm:100"})))),
        (replace(GUEST, ha_state="ignored"), CloserLook(ha=HaStatus("disarmed"), options=REBALANCING)),
        (GUEST, CloserLook(FREE, replicas={"pve": True, "pve3": False})),
        (
            GUEST,
            CloserLook(replace(FREE, local_disks=(DISK,)), replicas={"pve": True}, free_bytes={"local": 1}),
        ),
        (replace(GUEST, kind="lxc"), CloserLook(source=Machine("pve2", "A"), target=Machine("pve", "B"))),
    ],
    ids=[
        "all is well",
        "nothing to guard",
        "not balanced",
        "HA leaves it alone",
        "its replica",
        "its replica has its disks",
        "a container starts anew",
    ],
)
def test_what_is_not_in_the_way(guest: Guest, look: CloserLook) -> None:
    """What looks alike and is harmless refuses nothing."""
    assert last_obstacle(guest, AWAKE, look, COPIES) is None


def test_rebalancing_can_be_allowed() -> None:
    """An operator who knows of it may have guests under HA moved all the same."""
    assert last_obstacle(UNDER_HA, AWAKE, CloserLook(options=REBALANCING), rules(allow_ha_rebalancing=True)) is None
