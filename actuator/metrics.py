"""The actuator's metrics. What the store knows is counted there at each scrape; what passes by is counted here.

A failed job is a firing metric: ``wattshift_jobs{state="failed"}`` counts the failed jobs that the store knows and so
grows with each one, across restarts, and ``wattshift_failed_jobs{failure}`` says why. Both are gauges, so an alert rule
compares them with what they were: see ``deploy/prometheus/rules/wattshift.yml``. When the store cannot be read, its
figures are absent, not 0, and ``wattshift_store_up`` is 0, as it is while the store can be read but takes no writes.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from actuator.errors import StoreUnavailable
from actuator.policy.jobs import STEPS
from actuator.policy.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actuator.policy.jobs import Failure, JobState, MoveWatts

_STEP_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_WAKE_BUCKETS = (5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600)
_DOWNTIME_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)
_MIGRATION_BUCKETS = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)

_TRANSFER_BUCKETS = tuple(2.0**power for power in range(26, 41, 2))  # 64 MiB to 1 TiB
_CHANGE_BUCKETS = (-500, -200, -100, -50, -20, -10, -5, 0, 5, 10, 20, 50, 100, 200, 500)

_USUAL_REFUSALS = (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503)


class Countable(Protocol):
    """The part of the store that a scrape reads."""

    def counts(self) -> Mapping[JobState, int]:
        """Jobs by state, every state."""

    def failure_counts(self) -> Mapping[Failure, int]:
        """Failed jobs by cause, every cause."""

    def paused(self) -> str | None:
        """Why work is paused, or None."""

    def check_writable(self) -> None:
        """Raise `StoreUnavailable` while writes fail."""


class Metrics:
    """Everything that ``/metrics`` shows; to the workflow, its observer."""

    def __init__(self, store: Countable) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "wattshift_decisions",
            "Decisions on alerts and orders, on arrival and again with the cluster in view, by reason.",
            ["reason"],
            registry=self.registry,
        )
        for reason in Reason:
            self._decisions.labels(reason)  # a series that begins at 0 lets increase() see the first one
        self._refused = Counter(
            "wattshift_requests_refused",
            "Requests that ended in an error answer, by HTTP status.",
            ["status"],
            registry=self.registry,
        )
        for status in _USUAL_REFUSALS:
            self._refused.labels(status)
        self._steps = Histogram(
            "wattshift_step_duration_seconds",
            "How long a job stayed in a step.",
            ["step"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        for step in STEPS:
            self._steps.labels(step)
        self._wakes = Histogram(
            "wattshift_wake_duration_seconds",
            "From the first request to wake until the node was a member of its cluster.",
            ["node", "method"],
            buckets=_WAKE_BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "wattshift_wake_stage_seconds",
            "From the first request to wake until this stage of getting up was first seen.",
            ["stage"],
            buckets=_WAKE_BUCKETS,
            registry=self.registry,
        )
        self._downtime = Histogram(
            "wattshift_migration_downtime_seconds",
            "How long guests stood still at the end of their migration.",
            buckets=_DOWNTIME_BUCKETS,
            registry=self.registry,
        )
        self._duration = Histogram(
            "wattshift_migration_duration_seconds",
            "How long migrations took.",
            buckets=_MIGRATION_BUCKETS,
            registry=self.registry,
        )
        # No vmid: the pairs of nodes are few, and which guest it was is on the job.
        self._finished = Gauge(
            "wattshift_migration_finished_timestamp_seconds",
            "When this process last saw a guest arrive by a migration from source to target, in Unix time.",
            ["source", "target"],
            registry=self.registry,
        )
        self._transferred = Histogram(
            "wattshift_migration_transferred_bytes",
            "How much of the guests' state migrations moved.",
            buckets=_TRANSFER_BUCKETS,
            registry=self.registry,
        )
        # By role, not by node: four series and two histograms, however many nodes there are. Which nodes they were is
        # on the job.
        self._watts = Gauge(
            "wattshift_migration_watts",
            "What the nodes of the newest measured move drew, as means over a minute, before and after it.",
            ["role", "when"],
            registry=self.registry,
        )
        self._change = Histogram(
            "wattshift_migration_change_watts",
            "By how much more (below 0: less) the nodes of moves drew after them than before.",
            ["role"],
            buckets=_CHANGE_BUCKETS,
            registry=self.registry,
        )
        self._leader = Gauge(
            "wattshift_leader", "Whether this process is the one that does the jobs.", registry=self.registry
        )
        Gauge("wattshift_build_info", "The version that runs; always 1.", ["version"], registry=self.registry).labels(
            importlib.metadata.version("wattshift")
        ).set(1)
        self.registry.register(_Stored(store))

    def decided(self, reason: Reason) -> None:
        """Count a decision."""
        self._decisions.labels(reason).inc()

    def request_refused(self, status: int) -> None:
        """Count a request that ended in an error answer."""
        self._refused.labels(status).inc()

    def step_finished(self, step: str, seconds: float) -> None:
        """Observe that a job left a step."""
        self._steps.labels(step).observe(seconds)

    def woken(self, node: str, method: str, seconds: float) -> None:
        """Observe that a node that we woke is a member of its cluster."""
        self._wakes.labels(node, method).observe(seconds)

    def stage_reached(self, stage: str, seconds: float) -> None:
        """Observe how long after the first request a node that we woke got so far."""
        self._stages.labels(stage).observe(seconds)

    def arrived(self, source: str, target: str, at: float) -> None:
        """Remember when a guest last arrived by this way."""
        self._finished.labels(source, target).set(at)

    def migrated(self, downtime: float | None, duration: float | None) -> None:
        """Observe what a migration cost, as far as its log told."""
        if downtime is not None:
            self._downtime.observe(downtime)
        if duration is not None:
            self._duration.observe(duration)

    def transferred(self, size_bytes: int) -> None:
        """Observe how much a migration moved."""
        self._transferred.observe(size_bytes)

    def measured(self, watts: MoveWatts) -> None:
        """Observe what the nodes of a move drew before and after it; a figure that is not known shows no series."""
        self._watts.clear()  # what is of an earlier move must not stand beside this one's
        for role, before, after in (
            ("source", watts.source_before, watts.source_after),
            ("target", watts.target_before, watts.target_after),
        ):
            for when, figure in (("before", before), ("after", after)):
                if figure is not None:
                    self._watts.labels(role, when).set(figure)
            if before is not None and after is not None:
                self._change.labels(role).observe(after - before)

    def leading(self, leads: bool) -> None:  # noqa: FBT001 - the workflow's Observer says it so
        """Remember whether this process leads."""
        self._leader.set(leads)


class _Stored(Collector):
    """Counts what is in the store when asked."""

    def __init__(self, store: Countable) -> None:
        self._store = store

    def describe(self) -> list[GaugeMetricFamily]:
        """Describe nothing, so that being registered does not read the store."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Read the store once and return its families."""
        try:
            states, failures, paused = self._store.counts(), self._store.failure_counts(), self._store.paused()
        except StoreUnavailable:
            return [_store_up(0)]
        jobs = GaugeMetricFamily("wattshift_jobs", "Jobs in the store, by state.", labels=["state"])
        for state, number in states.items():
            jobs.add_metric([state], number)
        failed = GaugeMetricFamily("wattshift_failed_jobs", "Failed jobs in the store, by cause.", labels=["failure"])
        for failure, number in failures.items():
            failed.add_metric([failure], number)
        pause = GaugeMetricFamily("wattshift_paused", "Whether an operator has paused work.", value=paused is not None)
        return [jobs, failed, pause, _store_up(self._writable())]

    def _writable(self) -> bool:
        try:
            self._store.check_writable()
        except StoreUnavailable:
            return False
        return True


def _store_up(value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "wattshift_store_up", "Whether the database could be read for this scrape and takes writes.", value=value
    )
