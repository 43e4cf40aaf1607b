"""Decisions right before the migration is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actuator.policy.closer_look import CloserLook
from actuator.policy.cluster import Guest, Preconditions, Volume
from actuator.policy.decide import Decision, at_migration
from actuator.policy.reasons import Reason
from tests.actuator.policy.samples import AWAKE, GIB, GUEST, RULES

FREE = Preconditions(running=True, allowed_nodes=frozenset({"pve"}))


@pytest.mark.parametrize(
    "preconditions",
    [FREE, replace(FREE, allowed_nodes=None), replace(FREE, obstacles={"pve3": ("storage local-lvm",)})],
)
def test_a_free_guest_goes(preconditions: Preconditions) -> None:
    """Proxmox allows the target, or is of a version that does not say; another node's obstacles do not matter."""
    assert at_migration(GUEST, AWAKE, CloserLook(preconditions), RULES) == Decision(
        act=True,
        reason=Reason.ACCEPTED,
        message="Nothing keeps guest 100 from pve.",
        vmid=100,
        source="pve2",
        target="pve",
    )


@pytest.mark.parametrize(
    ("guest", "preconditions", "reason", "message"),
    [
        (
            GUEST,
            replace(FREE, running=False),
            Reason.GUEST_NOT_ALLOWED,
            "Guest 100 is stopped, and only a running guest draws power that could move: start it, or name another.",
        ),
        (
            replace(GUEST, lock="backup"),
            FREE,
            Reason.GUEST_LOCKED,
            "Guest 100 is locked by Proxmox (backup): wait until that is over; the actuator never unlocks.",
        ),
        (
            GUEST,
            replace(FREE, local_resources=("hostpci0", "usb1")),
            Reason.GUEST_HAS_LOCAL_RESOURCES,
            (
                "Guest 100 is bound to pve2 by hostpci0, usb1: remove them from its configuration, or map them, to "
                "make it movable."
            ),
        ),
        (
            GUEST,
            replace(FREE, local_disks=(Volume("local-lvm:vm-100-disk-0", GIB),)),
            Reason.GUEST_HAS_LOCAL_DISKS,
            (
                "Guest 100 has volumes that only pve2 holds (local-lvm:vm-100-disk-0): move them to shared storage to "
                "make it movable, or allow copying them with guests.local_disks_max_gib."
            ),
        ),
        (
            GUEST,
            replace(FREE, allowed_nodes=frozenset({"pve3"}), obstacles={"pve": ("storage nfs is not there",)}),
            Reason.NO_TARGET_FITS,
            (
                "Proxmox does not let guest 100 go to pve (storage nfs is not there): remove that obstacle, or name "
                "another target."
            ),
        ),
        (
            GUEST,
            replace(FREE, allowed_nodes=frozenset()),
            Reason.NO_TARGET_FITS,
            (
                "Proxmox does not let guest 100 go to pve (its storage, mappings or HA rules do not allow it): remove "
                "that obstacle, or name another target."
            ),
        ),
        (
            GUEST,
            replace(FREE, allowed_nodes=None, obstacles={"pve": ("mapping gpu",)}),
            Reason.NO_TARGET_FITS,
            "Proxmox does not let guest 100 go to pve (mapping gpu): remove that obstacle, or name another target.",
        ),
    ],
)
def test_a_bound_guest_stays(guest: Guest, preconditions: Preconditions, reason: Reason, message: str) -> None:
    """Whatever Proxmox names as in the way keeps the guest where it is, and the sentence names it."""
    decision = at_migration(guest, AWAKE, CloserLook(preconditions), RULES)

    assert (decision.act, decision.reason, decision.message) == (False, reason, message)
