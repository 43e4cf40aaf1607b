"""Disks that one node alone holds."""

from __future__ import annotations

import pytest

from actuator.policy.cluster import Volume
from actuator.policy.local_disks import no_space, refusal
from actuator.policy.reasons import Reason
from tests.actuator.policy.samples import GIB, GUEST, rules

CAP = rules(local_disks_max_bytes=64 * GIB)
DISK = Volume("local-lvm:vm-100-disk-0", 32 * GIB)
CLOUD_INIT = Volume("local:100/vm-100-cloudinit.qcow2", None, cdrom=True)


@pytest.mark.parametrize("disks", [(), (DISK,), (DISK, DISK), (DISK, CLOUD_INIT)])
def test_what_is_within_the_cap_may_be_copied(disks: tuple[Volume, ...]) -> None:
    """The sum counts, up to the cap itself; an image of cloud-init is made anew and counts nothing."""
    assert refusal(GUEST, disks, CAP) is None


@pytest.mark.parametrize(
    ("disks", "words"),
    [
        ((DISK, DISK, Volume("local-lvm:vm-100-disk-2", 1)), "come to 64.0 GiB, more than"),
        ((DISK, Volume("local:100/x.raw")), "does not tell the size of local:100/x.raw"),
        ((Volume("local:iso/debian.iso", 1, cdrom=True),), "take it out of the drive"),
    ],
    ids=["too much", "unknown size", "an image"],
)
def test_what_is_not_may_not(disks: tuple[Volume, ...], words: str) -> None:
    """More than the cap, a size that is not told, and what Proxmox never copies: each in its own words."""
    found = refusal(GUEST, disks, CAP)

    assert found is not None
    assert found.reason is Reason.GUEST_HAS_LOCAL_DISKS
    assert words in found.message


def test_without_a_cap_nothing_is_copied() -> None:
    """It is the operator's to allow, however small the disk."""
    found = refusal(GUEST, (Volume("local:100/x.raw", 1),), rules(local_disks_max_bytes=None))

    assert found is not None
    assert "guests.local_disks_max_gib" in found.message


@pytest.mark.parametrize(
    ("disks", "free", "fits"),
    [
        ((DISK, DISK), {"local-lvm": 64 * GIB}, True),
        ((DISK, DISK), {"local-lvm": 64 * GIB - 1}, False),
        ((DISK, Volume("local:100/x.raw", 2 * GIB)), {"local-lvm": 32 * GIB, "local": GIB}, False),
        (
            (DISK, CLOUD_INIT, Volume("local:iso/debian.iso", GIB, cdrom=True)),
            {"local-lvm": 32 * GIB, "local": 0},
            True,
        ),
        ((DISK,), {"local": 0}, True),
    ],
    ids=["exactly", "not quite", "the other storage", "images are not copied", "unknown"],
)
def test_the_targets_storage_must_hold_the_copy(disks: tuple[Volume, ...], free: dict[str, int], *, fits: bool) -> None:
    """Storage by storage, with whole sizes; of what is not told nothing is made up."""
    found = no_space(GUEST, "pve", disks, free)

    assert (found is None) is fits
    if found is not None:
        assert found.reason is Reason.TARGET_STORAGE_FULL
        assert "of node pve has" in found.message
