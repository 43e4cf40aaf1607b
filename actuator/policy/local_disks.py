"""Disks that lie on the source alone: copying them takes hours and power, so only what the operator allows is copied.

HA copies them unasked (it always says ``with-local-disks=1``); so the cap counts for guests under HA as well. A copy
goes to the storage of the same name on the target, and fails there, hours later, when that is full.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actuator.policy.cluster import Guest, Volume
    from actuator.policy.rules import Rules

_GIB = 1024**3


def copied_whole(disks: Sequence[Volume], *, replicated: bool) -> tuple[Volume, ...]:
    """Those of the disks that go over whole: to a node with a replica, what changed since then is all that goes."""
    return tuple(disk for disk in disks if not (replicated and disk.replicate))


def refusal(guest: Guest, disks: Sequence[Volume], rules: Rules, *, replicated: bool = False) -> Refusal | None:
    """Why a guest with these local disks stays.

    Args:
        guest: Whose they are.
        disks: All that the source alone holds.
        rules: What may be done.
        replicated: The target has a replica: leave to copy is needed all the same, but what it has does not count.
    """
    if not disks:
        return None
    cap = rules.local_disks_max_bytes
    names = ", ".join(disk.volume for disk in disks)
    if cap is None:
        return _stays(
            f"Guest {guest.vmid} has volumes that only {guest.node} holds ({names}): move them to shared storage to "
            f"make it movable, or allow copying them with guests.local_disks_max_gib."
        )
    # A cloud-init image is made anew on the target; any other image in a drive stops the migration.
    images = [disk.volume for disk in disks if disk.cdrom and "cloudinit" not in disk.volume]
    if images:
        return _stays(
            f"Guest {guest.vmid} has an image in a drive that only {guest.node} holds ({', '.join(images)}), which "
            f"Proxmox never copies: take it out of the drive."
        )
    whole = copied_whole(disks, replicated=replicated)
    unknown = [disk.volume for disk in whole if disk.size_bytes is None and not disk.cdrom]
    if unknown:
        rescan = "pct rescan" if guest.container else "qm disk rescan"
        return _stays(
            f"Proxmox does not tell the size of {', '.join(unknown)}, which only {guest.node} holds, so it may be more "
            f"than guests.local_disks_max_gib allows: run '{rescan} --vmid {guest.vmid}' there."
        )
    size = sum(disk.size_bytes or 0 for disk in whole)
    if size <= cap:
        return None
    names = ", ".join(disk.volume for disk in whole)
    return _stays(
        f"The volumes of guest {guest.vmid} that only {guest.node} holds ({names}) come to {size / _GIB:.1f} GiB, more "
        f"than guests.local_disks_max_gib ({cap / _GIB:g}) lets be copied: move them to shared storage."
    )


def no_space(guest: Guest, target: str, disks: Sequence[Volume], free_bytes: Mapping[str, int]) -> Refusal | None:
    """Why these disks do not fit on a target.

    A disk counts with its whole size: on thin storage its copy may come to less, but may grow to that.

    Args:
        guest: Whose they are.
        target: Where they would be copied to.
        disks: Those that would be copied.
        free_bytes: Storage of the target -> what is left on it, as far as told; an unknown figure refuses nothing.
    """
    needed: Counter[str] = Counter()
    for disk in disks:
        needed[disk.storage] += 0 if disk.cdrom else disk.size_bytes or 0
    for storage, size in sorted(needed.items()):
        if storage in free_bytes and size > free_bytes[storage]:
            return Refusal(
                Reason.TARGET_STORAGE_FULL,
                f"Storage {storage} of node {target} has {free_bytes[storage] / _GIB:.1f} GiB left, but the volumes of "
                f"guest {guest.vmid} that would be copied to it come to {size / _GIB:.1f} GiB: free some there, move "
                f"them to shared storage, or name another target.",
            )
    return None


def _stays(message: str) -> Refusal:
    return Refusal(Reason.GUEST_HAS_LOCAL_DISKS, message)
