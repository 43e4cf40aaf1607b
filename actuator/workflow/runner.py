"""The leader's loop: takes the live jobs from the store and lets them tick when they are due.

Ticks of different jobs run side by side, those of one job never. What a job is lies in the store alone: the runner may
die at any moment, and the next one goes on from the last checkpoint. One that loses the lead stands by for it again;
what it has under way can write nothing any more, and asks for no migration.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import structlog

from actuator.adapters.probe import answers
from actuator.errors import LeadershipLost, StoreUnavailable
from actuator.policy.jobs import JobState
from actuator.policy.power import Power
from actuator.workflow.means import Means
from actuator.workflow.ticking import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.leadership import Lead
    from actuator.adapters.proxmox import Proxmox
    from actuator.adapters.recall import Switches
    from actuator.adapters.store import Store
    from actuator.adapters.waking import Waker
    from actuator.policy.rules import Rules
    from actuator.workflow.reporting import Observer
    from actuator.workflow.timing import Timing

_log = structlog.get_logger(__name__)

_REFRESH_SECONDS = 5.0  # in case somebody forgot to notify
_LOOK_SECONDS = 0.5  # what another process wrote is noticed by looking, and so is the loss of the lead
_STORE_PAUSE_SECONDS = 1.0
_STANDBY_SECONDS = 0.5
_WORKERS = 16
"""As many as ``limits.parallel`` may ever say; a thread is made only when all others are busy."""

_QUEUE_TICKS = 20
"""Queued jobs that may be told in one round what they wait for: a storm of alerts must not hold up those at work."""


class Runner:
    """Runs jobs while this process leads.

    Args:
        store: Where the jobs are.
        leadership: Who leads.
        proxmox: The cluster.
        waker: How nodes are woken.
        rules: The operator's rules.
        timing: The operator's patience.
        observer: Who keeps the figures.
        power: Looks at the power of nodes and guests; see `Means`.
        clock: Unix seconds.
        answers: Whether something at an IP address answers on the network.
    """

    def __init__(  # noqa: PLR0913 - it joins everything, once
        self,
        *,
        store: Store,
        leadership: Lead,
        proxmox: Proxmox,
        waker: Waker,
        rules: Rules,
        timing: Timing,
        observer: Observer,
        power: Callable[[], Power] = Power,
        clock: Callable[[], float] = time.time,
        answers: Callable[[str], bool] = answers,
    ) -> None:
        self._store = store
        self._leadership = leadership
        self._observer = observer
        self._pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="tick")
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
        self._stopping = threading.Event()
        means = Means(proxmox, waker, store, rules, timing, power=power, answers=answers)
        self._ticker = Ticker(means, observer, clock, self._stopping.is_set)
        self._wake = threading.Event()
        self._stale = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[str, Future[None]] = {}
        self._due: dict[str, float] = {}  # by time.monotonic()
        self._refreshed_at = 0.0
        self._changes: int | None = None  # as of the newest refresh
        self._led: int | None = None  # the epoch that was told of

    @property
    def alive(self) -> bool:
        """Whether it runs, or waits for the lead; not before start, after stop, or after a defect."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._thread.start()

    def adopt(self, rules: Rules, timing: Timing) -> None:
        """From now on go by these; a job that was decided keeps its choice, if that stands before its migration."""
        self._ticker.adopt(rules, timing)
        self.notify()

    def notify(self) -> None:
        """Look at the store now: there is a new job, a cancellation, a pause or its end."""
        self._stale.set()
        self._wake.set()

    def stop(self, timeout: float = 10.0) -> bool:
        """Stop after the ticks that are under way, or after ``timeout`` seconds; every job can be resumed.

        Returns:
            Whether no tick is under way any more. While one is, the lead is kept: it falls with the process, which then
            is to end without waiting for its threads.
        """
        self._stopping.set()
        self._wake.set()
        until = time.monotonic() + timeout
        if self._thread.ident is not None:
            self._thread.join(timeout)
        with self._lock:
            under_way = list(self._busy.values())
        wait(under_way, timeout=max(0.0, until - time.monotonic()))
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive() or not all(tick.done() for tick in under_way):
            return False
        self._leadership.release()
        return True

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                self._wake.wait(self._round())
        except Exception:  # noqa: BLE001 - the last stop of a defect: logged, and seen as not alive
            _log.exception("runner.defect", advice="restart the actuator; the jobs go on from where they are")
            self._stopping.set()
            self._leadership.release()  # another may do better; what is under way is fenced
        finally:
            self._observer.leading(False)  # noqa: FBT003 - its one meaning

    def _round(self) -> float:
        """Start what is due; returns the seconds until more will be."""
        try:
            epoch = self._lead()
            if epoch is None:
                return _STANDBY_SECONDS
            switches = self._store.switches()
            due = time.monotonic() - self._refreshed_at >= _REFRESH_SECONDS
            if due or self._stale.is_set() or switches.changes != self._changes:
                self._stale.clear()
                self._ticker.refresh()
                self._refreshed_at, self._changes = time.monotonic(), switches.changes
            self._start_due(epoch, switches)
        except LeadershipLost as error:
            self._lose(self._led, str(error))
            return _STANDBY_SECONDS
        except StoreUnavailable as error:
            self._stale.set()  # what was written may have been written all the same
            _log.exception("runner.store_unavailable", error=str(error))
            return _STORE_PAUSE_SECONDS
        return self._pause()

    def _lead(self) -> int | None:
        """The epoch we lead in, taking the lead when it is free."""
        epoch = self._leadership.epoch
        if self._led is not None and epoch != self._led:
            self._lose(self._led, "its lease was not renewed, or its connection was lost")
        if epoch is None and (epoch := self._leadership.acquire()) is not None:
            self._ticker.refresh()
            self._led = epoch
            self._observer.leading(True)  # noqa: FBT003 - its one meaning
            _log.info("runner.leads", epoch=epoch, jobs=len(self._ticker.live()))
        return epoch

    def _start_due(self, epoch: int, switches: Switches) -> None:
        now, queue_ticks = time.monotonic(), 0
        jobs = self._ticker.live()
        with self._lock:
            self._due = {job.id: self._due.get(job.id, 0.0) for job in jobs}
            ready = [job for job in jobs if job.id not in self._busy and self._due[job.id] <= now]
        for job in ready:
            if job.state is JobState.QUEUED:
                told = job.message == self._ticker.waits_for(job, switches.paused) and not job.cancel_requested
                if told:
                    continue
                if queue_ticks == _QUEUE_TICKS:
                    self._wake.set()  # the rest in the next round, which follows at once
                    continue
                queue_ticks += 1
                if self._ticker.tick(job, epoch, switches).job.state is not JobState.PREFLIGHT:
                    continue
            with self._lock:
                self._busy[job.id] = self._pool.submit(self._work_on, job.id, epoch)

    def _pause(self) -> float:
        with self._lock:
            due = [at for job_id, at in self._due.items() if job_id not in self._busy]
        return max(0.0, min([_LOOK_SECONDS, *(at - time.monotonic() for at in due if at > 0)]))

    def _work_on(self, job_id: str, epoch: int) -> None:
        """Tick a job until it has to wait."""
        pause = 0.0
        try:
            while pause == 0 and not self._stopping.is_set() and self._leadership.epoch == epoch:
                job, switches = self._store.job_and_switches(job_id)
                if job is None or not job.live:
                    break
                pause = self._ticker.tick(job, epoch, switches).after
        except LeadershipLost as error:
            self._lose(epoch, str(error))
        except StoreUnavailable as error:
            self._stale.set()
            _log.exception("runner.store_unavailable", job=job_id, error=str(error))
            pause = _STORE_PAUSE_SECONDS
        except Exception:  # noqa: BLE001 - one job's defect must not end the others
            _log.exception("runner.defect", job=job_id)
            pause = _STORE_PAUSE_SECONDS
        finally:
            with self._lock:
                self._due[job_id] = time.monotonic() + pause
                self._busy.pop(job_id, None)
            self._wake.set()

    def _lose(self, epoch: int | None, why: str) -> None:
        """Lead no more in this epoch, and say so once; standing by follows."""
        with self._lock:
            if epoch is None or epoch != self._led:
                return  # told already, or a tick of long ago: we may lead again in a later epoch
            self._led = None
        if self._leadership.epoch == epoch:
            self._leadership.release()
        self._observer.leading(False)  # noqa: FBT003 - its one meaning
        _log.warning("runner.leadership_lost", epoch=epoch, message=f"{why}; it stands by for the lead again")
        self._wake.set()
