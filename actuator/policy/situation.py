"""All that a decision about placement rests on, gathered once, so that it costs the same for one node as for many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from actuator.policy.power import Power

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.policy.cluster import Cluster, Guest, History
    from actuator.policy.refusal import Refusal
    from actuator.policy.rules import Rules


@dataclass(frozen=True)
class Situation:
    """One moment of the cluster, of our memory and of power, with the rules.

    Attributes:
        cluster: One look at it.
        history: Our memory.
        rules: What may be done.
        power: One look at it; empty when nothing tells.
        findings: What closer looks found in the way: (guest, target), or (guest, None) whatever the target.
        arrived: Guest -> seconds since it was moved, of those for which that is so short that figures may not show it.
    """

    cluster: Cluster
    history: History
    rules: Rules
    power: Power = field(default_factory=Power)
    findings: Mapping[tuple[int, str | None], Refusal] = field(default_factory=dict)
    arrived: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def processors_given(self) -> Mapping[str, int]:
        """Node -> processors of the guests that run on it, as far as told."""
        given: defaultdict[str, int] = defaultdict(int)
        for guest in self.cluster.guests.values():
            if guest.status == "running":
                given[guest.node] += guest.max_cpu or 0
        return given

    @cached_property
    def memory_promised(self) -> Mapping[str, int]:
        """Node -> bytes that the guests that run on it may come to use, as far as told."""
        promised: defaultdict[str, int] = defaultdict(int)
        for guest in self.cluster.guests.values():
            if guest.status == "running":
                promised[guest.node] += guest.max_memory_bytes or 0
        return promised

    @cached_property
    def coming(self) -> Mapping[str, tuple[Guest, ...]]:
        """Node -> guests that live jobs are bringing to it and that are not there yet."""
        coming: defaultdict[str, tuple[Guest, ...]] = defaultdict(tuple)
        for job in self.history.live_jobs:
            guest = None if job.vmid is None else self.cluster.guests.get(job.vmid)
            if guest is not None and job.target is not None and guest.node != job.target and not job.order.dry_run:
                coming[job.target] += (guest,)
        return coming

    def coming_to(self, node: str, besides: Guest) -> tuple[Guest, ...]:
        """The guests on their way to a node, but for one: its own job does not count against it."""
        return tuple(guest for guest in self.coming.get(node, ()) if guest.vmid != besides.vmid)

    def not_shown_on(self, node: str, besides: Guest, seconds: float) -> tuple[Guest, ...]:
        """Those, and the guests that came to the node less than so many seconds ago: its figures may be older."""
        guests = (self.cluster.guests.get(vmid) for vmid, age in self.arrived.items() if age < seconds)
        arrived = tuple(guest for guest in guests if guest is not None and guest.node == node)
        return self.coming_to(node, besides) + tuple(guest for guest in arrived if guest.vmid != besides.vmid)
