"""The operator's rules: what the actuator may touch, how often, and whether it acts at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """``observe`` decides and records; ``act`` also does."""

    OBSERVE = "observe"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Rules:
    """Guard rails, from the configuration. Times in seconds, memory in bytes.

    Attributes:
        mode: Observe or act.
        nodes: Nodes that may be source or target; a label can never name another one.
        wakeable: Nodes for which a way of waking is configured.
        allowed_vmids: Guests that may be moved by number.
        allowed_tag: Guests that carry this Proxmox tag may be moved, and are chosen among when an order names none.
        cooldown_seconds: Rest of a guest from the end of its last migration.
        daily_limit: Migrations of one guest in 24 hours.
        episode_limit: Jobs one episode may begin.
        parallel_limit: Migrations at a time, all in all.
        breaker_failures: That many failures in a row open the breaker.
        breaker_seconds: ... until so long after the newest of them.
        alert_max_age_seconds: An episode that was never seen before and began longer ago is stale; so is a job for
            which nothing was done yet, when its alert was last heard of longer ago.
        memory_reserve_bytes: Left free on the target after the move.
        memory_overcommit: Memory promised to running guests for each byte of the target beside the reserve, at most,
            after the move; None for no limit.
        cpu_overcommit: Processors given to running guests for each one of the target, at most, after the move; None
            for no limit.
        restart_containers: Containers may be moved, which restarts them.
        restart_timeout_seconds: How long a container may take to shut down for that.
        local_disks_max_bytes: Guests whose local disks come to no more than this may be moved, disks and all; None
            when no local disk is ever copied.
        allow_ha_rebalancing: Guests under HA may be moved although HA rebalances by itself and may undo it.
        conntrack_state: Connection tracking of the firewall goes along, where Proxmox VE knows how (9.0).
    """

    mode: Mode
    nodes: frozenset[str]
    wakeable: frozenset[str]
    allowed_vmids: frozenset[int]
    allowed_tag: str | None
    cooldown_seconds: float
    daily_limit: int
    episode_limit: int
    parallel_limit: int
    breaker_failures: int
    breaker_seconds: float
    alert_max_age_seconds: float
    memory_reserve_bytes: int
    memory_overcommit: float | None = None
    cpu_overcommit: float | None = None
    restart_containers: bool = False
    restart_timeout_seconds: int = 180
    local_disks_max_bytes: int | None = None
    allow_ha_rebalancing: bool = False
    conntrack_state: bool = False
