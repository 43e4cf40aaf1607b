"""The closed set of decision reasons: log field, metric label, API field and test assertion alike."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something was, or was not, set in motion. Never a bare yes or no."""

    ACCEPTED = "accepted"
    DUPLICATE_EPISODE = "duplicate_episode"
    IN_FLIGHT = "in_flight"
    COOLDOWN = "cooldown"
    PAUSED = "paused"
    OBSERVE_ONLY = "observe_only"
    STALE_ALERT = "stale_alert"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_NODE = "unknown_node"
    UNKNOWN_TARGET = "unknown_target"
    GUEST_NOT_FOUND = "guest_not_found"
    GUEST_NOT_ALLOWED = "guest_not_allowed"
    GUEST_ALREADY_THERE = "guest_already_there"
    GUEST_ELSEWHERE = "guest_elsewhere"
    GUEST_LOCKED = "guest_locked"
    GUEST_HAS_LOCAL_RESOURCES = "guest_has_local_resources"
    GUEST_HAS_LOCAL_DISKS = "guest_has_local_disks"
    GUEST_IS_TEMPLATE = "guest_is_template"
    GUEST_REPLICATED_ELSEWHERE = "guest_replicated_elsewhere"
    HA_AFFINITY = "ha_affinity"
    HA_DISARMED = "ha_disarmed"
    HA_REBALANCING = "ha_rebalancing"
    HA_SERVICE_ERROR = "ha_service_error"
    HA_TARGET_NOT_ONLINE = "ha_target_not_online"
    NO_CANDIDATE_GUEST = "no_candidate_guest"
    NO_TARGET_FITS = "no_target_fits"
    TARGET_IN_MAINTENANCE = "target_in_maintenance"
    TARGET_QUARANTINED = "target_quarantined"
    TARGET_CPU_DIFFERS = "target_cpu_differs"
    TARGET_OUTDATED = "target_outdated"
    TARGET_STORAGE_FULL = "target_storage_full"
    TARGET_OVER_POWER = "target_over_power"
    DAILY_LIMIT = "daily_limit"
    BREAKER_OPEN = "breaker_open"
