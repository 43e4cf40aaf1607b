"""One tick of one job: decide what it is its turn for, do it, save what comes of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from actuator.errors import CancelRequested, GuestInFlight, LeadershipLost, Permanent, StoreUnavailable, Temporary
from actuator.policy.jobs import JobState
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode
from actuator.workflow.admission import BEGUN, DECIDED, obstacle
from actuator.workflow.await_ready import await_ready
from actuator.workflow.means import look
from actuator.workflow.migrate import migrate
from actuator.workflow.outdated import outdated
from actuator.workflow.preflight import preflight
from actuator.workflow.reporting import report
from actuator.workflow.result import StepResult, advance, cancel, sentence, skip, stay
from actuator.workflow.trouble import after_error
from actuator.workflow.verify import verify
from actuator.workflow.wake import wake
from actuator.workflow.watts import with_watts

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.recall import Switches
    from actuator.policy.jobs import Job
    from actuator.policy.rules import Rules
    from actuator.workflow.means import Means
    from actuator.workflow.reporting import Observer
    from actuator.workflow.timing import Timing

    Step = Callable[[Job, Means, float], StepResult]

_log = structlog.get_logger(__name__)

_STEPS: dict[JobState, Step] = {
    JobState.PREFLIGHT: preflight,
    JobState.WAKING: wake,
    JobState.AWAITING_READY: await_ready,
    JobState.MIGRATING: migrate,
    JobState.VERIFYING: verify,
}


class Ticker:
    """Ticks jobs, each from one thread at a time, and knows all live ones.

    Args:
        means: What the steps work with.
        observer: Who keeps the figures.
        clock: Unix seconds.
        stopping: Whether this process is about to end.
    """

    def __init__(
        self,
        means: Means,
        observer: Observer,
        clock: Callable[[], float],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._means = means
        self._stopping = stopping
        self._observer = observer
        self._clock = clock
        # Held while the store and this picture of it change together, and while a job takes guest and nodes.
        self._lock = threading.RLock()
        self._live: dict[str, Job] = {}

    def adopt(self, rules: Rules, timing: Timing) -> None:
        """From now on go by these; what a tick under way began with, it ends with."""
        self._means = replace(self._means, rules=rules, timing=timing)

    def refresh(self) -> None:
        """Read the live jobs anew.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        with self._lock:
            self._live = {job.id: job for job in self._means.store.live_jobs()}

    def live(self) -> list[Job]:
        """The live jobs, oldest first."""
        with self._lock:
            return list(self._live.values())

    def waits_for(self, job: Job, paused: str | None) -> str | None:
        """What a queued job waits for, as a sentence, or None when it may begin.

        Args:
            job: It.
            paused: Why work is paused, or None.
        """
        if paused is not None:
            return _paused(paused)
        with self._lock:
            return self._obstacle(job, BEGUN)

    def tick(self, job: Job, epoch: int, switches: Switches | None = None) -> StepResult:
        """Let the job do what is next, and save it.

        Args:
            job: As stored.
            epoch: That we lead in.
            switches: As read a moment ago; None to read them.

        Returns:
            What was saved; its ``after`` says when to look again.

        Raises:
            LeadershipLost: Another process leads; nothing was saved.
            StoreUnavailable: Nothing was saved; the tick can be repeated.
        """
        now = self._clock()
        paused = (switches or self._means.store.switches()).paused
        result = self._next(job, epoch, paused, now)
        with self._lock:
            taken = job.state is JobState.PREFLIGHT and result.job.state in DECIDED
            if taken and (wait := self._obstacle(result.job, DECIDED)) is not None:
                # Undecided again: by the time the way is free, another choice may be better.
                result = stay(job, self._means.timing.poll_seconds, None if job.message == wait else wait)
            return self._save(job, result, epoch, max(now, self._clock()))

    def _next(self, job: Job, epoch: int, paused: str | None, now: float) -> StepResult:
        if job.cancel_requested and job.cancellable:
            return cancel(job)
        wait = self._wait(job, paused)
        if wait is not None:
            return self._held(job, wait)
        if job.state is JobState.QUEUED:
            return advance(job, JobState.PREFLIGHT, "Looking at the cluster.")
        if (ended := self._no_longer_wanted(job, now)) is not None:
            return ended
        if job.checkpoint.step_started_at is None:
            job = replace(job, checkpoint=replace(job.checkpoint, step_started_at=now))
        try:
            means = replace(self._means, epoch=epoch, may_act=lambda: self._may_act(epoch))
            return with_watts(job, _STEPS[job.state](job, means, now), means, now)
        except (LeadershipLost, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - one job's defect must not end the others
            if not isinstance(error, Temporary | Permanent):
                _log.exception("job.defect", job=job.id, state=str(job.state))
            result = after_error(job, error, self._means.timing, now)
            if result.job.live or job.checkpoint.known_upids is None:
                return result
            return self._after_last_look(job, error, now)

    def _no_longer_wanted(self, job: Job, now: float) -> StepResult | None:
        """The end of a job that was decided by other rules, or too long ago, and has asked for no migration."""
        if job.checkpoint.known_upids is not None:
            return None
        if job.state in DECIDED and self._means.rules.mode is Mode.OBSERVE:
            which = "no" if job.checkpoint.attempts == 0 else "no further"
            message = f"Now mode is 'observe': {which} migration was asked for. Configure 'mode: act', order it again."
            return skip(job, Reason.OBSERVE_ONLY, message)
        refusal = outdated(job, self._means, now)
        return None if refusal is None else skip(job, refusal.reason, refusal.message)

    def _after_last_look(self, job: Job, error: Exception, now: float) -> StepResult:
        """The end for an error, unless the guest has arrived; with the place where the guest is, if that is told."""
        try:
            job, _, guest = look(job, self._means)
        except (Temporary, Permanent):
            guest = None
        if job.state is JobState.MIGRATING and guest is not None and guest.node == job.target:
            message = f"Guest {job.vmid} is on {job.target}, although its task can no longer be read."
            return advance(job, JobState.VERIFYING, message)
        return after_error(job, error, self._means.timing, now)

    def _may_act(self, epoch: int) -> bool:
        switches = self._means.store.check_lead(epoch)
        return not self._stopping() and switches.paused is None

    def _wait(self, job: Job, paused: str | None) -> str | None:
        """What keeps the job from its next step, or None; nothing does once a migration may have been asked for."""
        if job.checkpoint.known_upids is not None:
            return None
        if job.state is JobState.QUEUED:
            return self.waits_for(job, paused)
        return None if paused is None else _paused(paused)

    def _held(self, job: Job, message: str) -> StepResult:
        """Wait; the step's clock begins anew afterwards."""
        job_held = replace(job, checkpoint=replace(job.checkpoint, step_started_at=None))
        return stay(job_held, self._means.timing.poll_seconds, None if job.message == message else message)

    def _obstacle(self, job: Job, taken: frozenset[JobState]) -> str | None:
        others = (other for other in self._live.values() if other.state in taken)
        return obstacle(job, others, self._means.rules.parallel_limit)

    def _save(self, before: Job, result: StepResult, epoch: int, now: float) -> StepResult:
        try:
            return self._written(before, result, epoch, now)
        except GuestInFlight as error:
            message = f"{sentence(str(error))} This one is not needed."
            return self._written(before, skip(before, Reason.IN_FLIGHT, message), epoch, now)
        except CancelRequested:  # while this tick was under way
            return self._written(before, cancel(before), epoch, now)
        except ValueError as error:
            _log.exception("job.defect", job=before.id, state=str(result.job.state))
            return self._written(before, after_error(before, error, self._means.timing, now), epoch, now)

    def _written(self, before: Job, result: StepResult, epoch: int, now: float) -> StepResult:
        after = _settled(before, result, now)
        if after != before or result.message is not None:
            after = replace(after, updated_at=now)
            self._means.store.save(after, epoch=epoch, message=result.message, detail=result.detail)
            self._means.woken.pop(after.id, None)
            if after.live:
                self._live[after.id] = after
            else:
                self._live.pop(after.id, None)
                self._means.seen_off.pop(after.id, None)
        saved = replace(result, job=after)
        report(before, saved, self._observer)
        return saved


def _paused(why: str) -> str:
    return sentence(f"paused: {why}")


def _settled(before: Job, result: StepResult, now: float) -> Job:
    """The job with what every tick changes: its message, the step's clock, the count of errors in a row."""
    after = result.job
    checkpoint = after.checkpoint
    if checkpoint.failures == before.checkpoint.failures:  # this tick met no error
        checkpoint = replace(checkpoint, failures=0, failing_since=None)
    if after.state != before.state:
        checkpoint = replace(checkpoint, step_started_at=now, failures=0, failing_since=None)
    return replace(
        after,
        checkpoint=checkpoint,
        message=after.message if result.message is None else result.message,
        finished_at=None if after.live else now,
    )
