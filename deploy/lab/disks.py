"""A guest's disks: ``shared:vm-100-disk-0,size=32G``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.lab.cluster import Cluster, Guest

_SIZE = re.compile(r"(?:^|,)size=(\d+)([KMGT]?)(?:,|$)")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def local_disks(cluster: Cluster, guest: Guest) -> Iterator[tuple[str, str, str]]:
    """Give drive, volume and options of each disk that lies on a storage of one node alone."""
    shared = {plan.name for plan in cluster.plan.storages if plan.shared}
    for drive, value in guest.plan.disks.items():
        volume, _, options = value.partition(",")
        if ":" in volume and volume.partition(":")[0] not in shared:
            yield drive, volume, options


def missing_storages(cluster: Cluster, guest: Guest, node: str) -> list[str]:
    """Return the storages of the guest that ``node`` is not configured for; whether it is on plays no part."""
    volumes = (value.partition(",")[0] for value in guest.plan.disks.values())
    used = {volume.partition(":")[0] for volume in volumes if ":" in volume}
    return sorted(plan.name for plan in cluster.plan.storages if plan.name in used and not plan.on(node))


def has_copy(guest: Guest, node: str, options: str) -> bool:
    """Return whether replication has brought a disk with these options to ``node``, so that only changes go over."""
    return guest.plan.replicated and node in guest.plan.replicas and "replicate=0" not in options


def size_of(options: str) -> int | None:
    """Return the bytes that the options of a disk tell; None when they do not."""
    found = _SIZE.search(options)
    return None if found is None else int(found[1]) * 1024 ** _POWERS[found[2]]
