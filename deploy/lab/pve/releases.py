"""What Proxmox VE learnt when, as far as the lab shows it; each with the changelog that says so.

The lab plays four releases, so each change is told with the first of them that has it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, get_args

from deploy.lab.plan import PveVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAYED: Sequence[PveVersion] = get_args(PveVersion)
"""Oldest first."""


class Change(StrEnum):
    """Something that older releases do not do; the value says what, and since which package."""

    GUEST_TAGS = "tags in /cluster/resources: pve-manager 7.2-14"
    ALLOWED_TAGS = "allowed-tags in /cluster/options, which everybody may then ask: pve-manager 7.2-14"
    RESOURCE_SCHEDULING = "crs among the cluster's options: pve-manager 7.2-15"
    MAPPED_RESOURCES = "mapped-resources among the preconditions: qemu-server 8.0.4"
    BOOT_INFO = "boot-info and current-kernel of a node: pve-manager 8.1.0"
    TARGETS_OF_RUNNING = "allowed_nodes among the preconditions of a guest that runs: qemu-server 8.3.9"
    MESSAGE_IN_BODY = "the message of an error in its body: libpve-http-server-perl 5.2.0"
    SILENT_401 = "one text for every failed authentication: pve-manager 9.1.5"
    CONNTRACK_STATE = "a migration says when it leaves connection tracking behind: qemu-server 9.0"
    HA_RULES = "affinity rules, and what they keep from a move: pve-ha-manager 5.0"
    FENCING_STATE = "whether HA is armed: pve-ha-manager 9.1.3"
    AUTO_REBALANCE = "auto-rebalance of one HA resource: pve-ha-manager of 9.2"
    HOST_MEMORY = "memhost of a guest: pve-manager 9.0"
    NETWORK_ZONES = "network instead of sdn in /cluster/resources: pve-manager 9.1"


_SINCE: dict[Change, PveVersion] = {
    Change.GUEST_TAGS: "7.4",
    Change.ALLOWED_TAGS: "7.4",
    Change.RESOURCE_SCHEDULING: "7.4",
    Change.MAPPED_RESOURCES: "8.2.5",
    Change.BOOT_INFO: "8.2.5",
}
_NEWEST: PveVersion = "9.1"


def knows(version: PveVersion, change: Change) -> bool:
    """Return whether a release has this change."""
    return PLAYED.index(version) >= PLAYED.index(_SINCE.get(change, _NEWEST))
