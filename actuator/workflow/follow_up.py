"""The second look at the power of a move's nodes, some time after it: what the move saved, or cost.

The mean of a minute needs a minute, and a job that is over must not live on for it. So the job carries when the look is
due, and the leader takes it then, after a restart as well. A look that comes to nothing, since Prometheus is away or
the source was switched off, is given up after a while; what is not known stays absent. So is one that nobody took in
time, since no actuator ran: what the nodes draw hours later tells nothing of the move.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from actuator.errors import LeadershipLost, StoreUnavailable
from actuator.policy.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actuator.adapters.store import Store
    from actuator.policy.jobs import Job, MoveWatts
    from actuator.policy.power import Power
    from actuator.workflow.reporting import Observer

_log = structlog.get_logger(__name__)

_GRACE_SECONDS = 120.0  # after the due time, for a scrape that was missed
_OLDEST_SECONDS = 7200.0  # the longest settle_seconds there may be, and as much again for a restart
_SWEEP_SECONDS = 3600.0  # between two searches for looks that nobody took
_MOVING = frozenset({JobState.MIGRATING, JobState.VERIFYING})


class FollowUp:
    """Takes the second looks while this process leads, in a thread that holds up no job.

    Args:
        store: Where the jobs are.
        epoch: In which we lead, or None while we do not.
        power: Looks at the power of nodes and guests; never raises.
        observer: Who keeps the figures.
        clock: Unix seconds.
        interval: Seconds between two rounds.
    """

    def __init__(  # noqa: PLR0913 - it joins them, once
        self,
        store: Store,
        epoch: Callable[[], int | None],
        power: Callable[[], Power],
        observer: Observer,
        clock: Callable[[], float],
        *,
        interval: float = 5.0,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._power = power
        self._observer = observer
        self._clock = clock
        self._interval = interval
        self._sweep_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow-up", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after the round that is under way, or after ``timeout`` seconds; what is due stays due."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def round(self) -> None:
        """Take every look that is due, and give up those that are due for too long.

        Raises:
            StoreUnavailable: The store cannot be read or written; what was not told stays due.
            LeadershipLost: Another process leads; nothing was written.
        """
        epoch, now = self._epoch(), self._clock()
        if epoch is None:
            return
        if now >= self._sweep_at:
            for job in self._store.unmeasured_until(now - _OLDEST_SECONDS):
                self._give_up(job, epoch, now)
            self._sweep_at = now + _SWEEP_SECONDS
        moves = self._store.moves_since(now - _OLDEST_SECONDS)
        due = [job for job in moves if _due_at(job) is not None and (_due_at(job) or now) <= now]
        if not due:
            return
        others = [*moves, *(job for job in self._store.live_jobs() if job.state in _MOVING)]
        power = self._power()
        for job in due:
            self._report(job, others, power, epoch, now)

    def _report(self, job: Job, others: Iterable[Job], power: Power, epoch: int, now: float) -> None:
        before, due_at = job.checkpoint.watts, _due_at(job)
        if before is None or due_at is None:
            return
        blurred = _blurred(job, others)
        source, target = (None if node in blurred else power.node_watts.get(node or "") for node in _ends(job))
        missing = [node for node, watts in zip(_ends(job), (source, target), strict=True) if watts is None]
        if now < due_at + _GRACE_SECONDS and set(missing) - blurred:
            return
        watts = replace(before, source_after=source, target_after=target, due_at=None, measured_at=now)
        done = replace(job, updated_at=now, checkpoint=replace(job.checkpoint, watts=watts))
        message, detail = told(done, watts, blurred), _facts(watts)
        self._store.complete_report(done, epoch=epoch, message=message, detail=detail)
        self._observer.measured(watts)
        _log.info(
            "job.measured",
            job=job.id,
            message=message,
            vmid=job.vmid,
            source=job.source,
            target=job.target,
            **detail,
            **_cost(job),
        )

    def _give_up(self, job: Job, epoch: int, now: float) -> None:
        watts = job.checkpoint.watts
        if watts is None:
            return
        given_up = replace(job, updated_at=now, checkpoint=replace(job.checkpoint, watts=replace(watts, due_at=None)))
        message = (
            f"What its nodes draw was not looked at within {_OLDEST_SECONDS / 3600:.0f} hours after the move, since no "
            f"actuator led then: what the move saved is not known."
        )
        self._store.complete_report(given_up, epoch=epoch, message=message, detail={"watts": "not_measured"})
        _log.warning("job.not_measured", job=job.id, message=message, source=job.source, target=job.target)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self.round()
            except (StoreUnavailable, LeadershipLost) as error:
                _log.warning("follow_up.postponed", message=str(error))
            except Exception:  # noqa: BLE001 - a report that fails must not end those to come
                _log.exception("follow_up.defect")


def told(job: Job, watts: MoveWatts, blurred: frozenset[str]) -> str:
    """What was measured, as sentences.

    Args:
        job: The move.
        watts: Of its nodes.
        blurred: Nodes that had a part in another move meanwhile.
    """
    ends = (
        (job.source, watts.source_before, watts.source_after),
        (job.target, watts.target_before, watts.target_after),
    )
    parts = [
        f"{node} drew {_figure(before)} before the move and {_figure(after)} after it" for node, before, after in ends
    ]
    sentences = [f"{'; '.join(parts)}."]
    if watts.change is not None:
        more = "more" if watts.change > 0 else "less"
        sentences.append(f"Together they draw {abs(watts.change):.1f} W {more} than before.")
    sentences += [
        f"Another move had a part of {node} meanwhile, so its watts tell nothing." for node in sorted(blurred)
    ]
    return " ".join(sentences)


def _figure(watts: float | None) -> str:
    return "an unknown power" if watts is None else f"{watts:.1f} W"


def _blurred(job: Job, others: Iterable[Job]) -> frozenset[str]:
    """The nodes whose second figure would tell of another move as well: one that ran, or ended, after this one."""
    nodes: set[str | None] = set()
    for other in others:
        if other.id != job.id and (other.finished_at is None or other.finished_at > (job.finished_at or 0.0)):
            nodes |= set(_ends(other)) & set(_ends(job))
    return frozenset(node for node in nodes if node is not None)


def _ends(job: Job) -> tuple[str | None, str | None]:
    return job.source, job.target


def _due_at(job: Job) -> float | None:
    return None if job.checkpoint.watts is None else job.checkpoint.watts.due_at


def _facts(watts: MoveWatts) -> dict[str, object]:
    return {
        "source_watts_before": watts.source_before,
        "source_watts_after": watts.source_after,
        "target_watts_before": watts.target_before,
        "target_watts_after": watts.target_after,
    }


def _cost(job: Job) -> dict[str, object]:
    outcome = job.checkpoint.outcome
    if outcome is None:
        return {}
    return {
        "downtime_seconds": outcome.downtime_seconds,
        "duration_seconds": outcome.duration_seconds,
        "transferred_bytes": outcome.transferred_bytes,
    }
