"""The closed set of decision reasons: log field, metric label, API field and test assertion alike."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something was, or was not, set in motion. Never a bare yes or no.

    What stands behind each is its line in the reference.
    """

    ACCEPTED = "accepted"  # something is, or was, set in motion
    DUPLICATE_EPISODE = "duplicate_episode"  # this firing of the alert has begun all the jobs that it may
    IN_FLIGHT = "in_flight"  # a job about the same guest or node is at work
    COOLDOWN = "cooldown"  # the guest rests after its last migration: limits.cooldown_seconds
    PAUSED = "paused"  # an operator has paused work: POST /api/v1/resume ends it
    OBSERVE_ONLY = "observe_only"  # it would have been done, but the mode is observe, or the order a dry run
    STALE_ALERT = "stale_alert"  # it began too long ago for a new alert, or in the future: see the clocks
    UNKNOWN_ACTION = "unknown_action"  # the label action is neither migrate nor wake
    UNKNOWN_NODE = "unknown_node"  # the source, or the node to wake, is not configured, not in the cluster or not named
    UNKNOWN_TARGET = "unknown_target"  # the target is not configured, not in the cluster, or the node to be relieved
    GUEST_NOT_FOUND = "guest_not_found"  # Proxmox shows no guest of this number, or the label vmid is no number
    GUEST_NOT_ALLOWED = "guest_not_allowed"  # neither guests.vmids nor guests.tag lets it be moved
    GUEST_ALREADY_THERE = "guest_already_there"  # it runs on the target
    GUEST_ELSEWHERE = "guest_elsewhere"  # it is on another node than the one to be relieved
    GUEST_LOCKED = "guest_locked"  # a backup, a snapshot or another migration holds it; a repeat tries again
    GUEST_HAS_LOCAL_RESOURCES = "guest_has_local_resources"  # a device or path of its node binds it there
    GUEST_HAS_LOCAL_DISKS = "guest_has_local_disks"  # its node alone holds disks of it: see guests.local_disks_max_gib
    GUEST_IS_TEMPLATE = "guest_is_template"  # a template never runs
    GUEST_REPLICATED_ELSEWHERE = "guest_replicated_elsewhere"  # Proxmox moves it only to where it is replicated
    HA_AFFINITY = "ha_affinity"  # a rule of HA keeps it from the target, or would move others along
    HA_DISARMED = "ha_disarmed"  # HA moves nothing at present
    HA_REBALANCING = "ha_rebalancing"  # HA rebalances and could undo the move: see guests.allow_ha_rebalancing
    HA_SERVICE_ERROR = "ha_service_error"  # HA has given the guest up
    HA_TARGET_NOT_ONLINE = "ha_target_not_online"  # HA does not see the target online, and would drop the request
    NO_CANDIDATE_GUEST = "no_candidate_guest"  # no guest is named, and none there may move
    NO_TARGET_FITS = "no_target_fits"  # memory, processors, storage or Proxmox itself speak against each target
    TARGET_IN_MAINTENANCE = "target_in_maintenance"  # the target is in HA's maintenance mode
    TARGET_QUARANTINED = "target_quarantined"  # the target did not wake when it was asked last
    TARGET_CPU_DIFFERS = "target_cpu_differs"  # a guest of processor type host would meet another processor
    TARGET_OUTDATED = "target_outdated"  # the target runs an older Proxmox VE
    TARGET_STORAGE_FULL = "target_storage_full"  # a storage there has no room for the disks that would be copied
    TARGET_OVER_POWER = "target_over_power"  # the guest would take the target above its own threshold
    DAILY_LIMIT = "daily_limit"  # the guest has moved limits.daily_per_guest times in 24 hours
    BREAKER_OPEN = "breaker_open"  # limits.breaker_failures jobs in a row failed: POST /api/v1/resume, or wait
