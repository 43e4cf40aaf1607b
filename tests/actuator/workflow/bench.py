"""A workbench: real store, real proxmoxer, real magic packets against the lab; time stands still between ticks."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from actuator.adapters.leadership import Leadership
from actuator.adapters.probe import answers
from actuator.adapters.proxmox import Proxmox, ProxmoxAccess
from actuator.adapters.store import Store
from actuator.adapters.waking import Chain, MagicPacket, WakeTarget
from actuator.policy.jobs import Job, JobState, MoveWatts
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason
from actuator.workflow.means import Means
from actuator.workflow.runner import Runner
from actuator.workflow.ticking import Ticker
from actuator.workflow.timing import Timing
from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actuator.policy.rules import Rules
    from actuator.workflow.result import StepResult
    from deploy.lab.clock import Clock
    from deploy.lab.plan import Plan
    from deploy.lab.pve.server import Received

ORDER = Order(Action.MIGRATE, "pve2", vmid=100, target_node="pve", requested_by="test")
WAKE = Order(Action.WAKE, None, target_node="pve", requested_by="test")
PATIENCE = Timing(boot_timeout_seconds=60, ready_timeout_seconds=30, unreachable_timeout_seconds=60)
_WAIT_SECONDS = 30.0

RULES = replace(samples.RULES, wakeable=frozenset({"pve", "pve2"}), memory_reserve_bytes=0)


@dataclass
class Figures:
    """An observer that remembers, and wakes whoever waits for a change."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    wakes: list[tuple[str, str, float]] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)
    arrivals: list[tuple[str, str, float]] = field(default_factory=list)
    moves: list[tuple[float | None, float | None]] = field(default_factory=list)
    transfers: list[int] = field(default_factory=list)
    measures: list[MoveWatts] = field(default_factory=list)
    decisions: list[Reason] = field(default_factory=list)
    leads: list[bool] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def step_finished(self, step: str, seconds: float) -> None:
        """Remember a step."""
        with self.changed:
            self.steps.append((step, seconds))
            self.changed.notify_all()

    def woken(self, node: str, method: str, seconds: float) -> None:
        """Remember a wake."""
        self.wakes.append((node, method, seconds))

    def stage_reached(self, stage: str, seconds: float) -> None:
        """Remember a stage."""
        self.stages.append((stage, seconds))

    def arrived(self, source: str, target: str, at: float) -> None:
        """Remember an arrival."""
        self.arrivals.append((source, target, at))

    def migrated(self, downtime: float | None, duration: float | None) -> None:
        """Remember a move."""
        self.moves.append((downtime, duration))

    def transferred(self, size_bytes: int) -> None:
        """Remember how much was moved."""
        self.transfers.append(size_bytes)

    def measured(self, watts: MoveWatts) -> None:
        """Remember a second look at a move's nodes."""
        with self.changed:
            self.measures.append(watts)
            self.changed.notify_all()

    def decided(self, reason: Reason) -> None:
        """Remember a decision."""
        self.decisions.append(reason)

    def leading(self, leads: bool) -> None:  # noqa: FBT001 - the protocol's
        """Remember who leads."""
        with self.changed:
            self.leads.append(leads)
            self.changed.notify_all()


class Bench:
    """One lab with one actuator's worth of workflow around it.

    Args:
        directory: For the database and the lab's files.
        plan: The lab's; the original experiment when None.
        clock: The lab's; one that only ``pass_time`` moves when None.
        timing: The operator's patience; little of it when None.
        rules: The operator's rules.
        hosts: The nodes whose endpoints are configured, the preferred first.
        token: ``(id, secret)``; the lab's own when None.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan | None = None,
        *,
        clock: Clock | None = None,
        timing: Timing | None = None,
        rules: Rules = RULES,
        hosts: tuple[str, ...] = ("pve", "pve2"),
        token: tuple[str, str] | None = None,
    ) -> None:
        self.lab = Lab(plan or two_nodes(), directory / "lab", clock=clock or ManualClock())
        self.timing = timing or PATIENCE
        self.rules = rules
        self.figures = Figures()
        self._directory = directory
        self._hosts = hosts
        self._token = token
        self._open = ExitStack()
        self._now = 1_790_000_000.0

    def __enter__(self) -> Self:
        self._open.enter_context(self.lab)
        self.store = self.open_store()
        self.leadership = Leadership(self.store, self._directory / "leader.lock")
        self._open.callback(self.leadership.release)
        self.epoch = self.leadership.acquire() or 0
        self.proxmox = self.open_proxmox()
        self.ticker = self.new_ticker()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def open_store(self) -> Store:
        """The database, opened once more, as another process would."""
        store = Store.open(f"sqlite:///{self._directory / 'actuator.db'}")
        self._open.callback(store.close)
        store.upgrade()
        return store

    def open_proxmox(self, *, probe_timeout: float = 5.0, call_timeout: float = 35.0) -> Proxmox:
        """Another client of the lab's API."""
        token_id, secret = self._token or (self.lab.token.id, self.lab.token.secret)
        proxmox = Proxmox(
            ProxmoxAccess(
                hosts=tuple(f"{self.lab.address(name)}:{self.lab.ports.api}" for name in self._hosts),
                token_id=token_id,
                token_secret=secret,
                verify=str(self.lab.ca_path),
                probe_timeout=probe_timeout,
                call_timeout=call_timeout,
            )
        )
        self._open.callback(proxmox.close)
        return proxmox

    def waker(self) -> Chain:
        """Magic packets to the lab's ears."""
        targets = {
            node.name: WakeTarget(node.mac, "127.255.255.255", self.lab.wake_port) for node in self.lab.plan.nodes
        }
        packets = MagicPacket(targets)
        return Chain({name: [packets] for name in targets})

    def answers(self, address: str) -> bool:
        """Whether a node of the lab answers on its network."""
        return answers(address, (self.lab.ports.api, self.lab.ports.ssh))

    def means(self, **changes: Any) -> Means:
        """What the steps work with, with changes."""
        means = Means(self.proxmox, self.waker(), self.store, self.rules, self.timing, answers=self.answers)
        return replace(means, **changes)

    def new_ticker(self, **changes: Any) -> Ticker:
        """A ticker with a memory of its own, as a new process has."""
        ticker = Ticker(self.means(**changes), self.figures, lambda: self._now)
        ticker.refresh()
        return ticker

    def new_runner(self) -> Runner:
        """A runner in threads, by the real clock; stopped at the end."""
        self.leadership.release()
        began = time.monotonic()
        runner = Runner(
            store=self.store,
            leadership=self.leadership,
            proxmox=self.proxmox,
            waker=self.waker(),
            rules=self.rules,
            timing=self.timing,
            observer=self.figures,
            clock=lambda: self._now + time.monotonic() - began,
            answers=self.answers,
        )
        self._open.callback(runner.stop)
        return runner

    def order(self, order: Order = ORDER, **fields: Any) -> str:
        """Put a job into the store; returns its id."""
        job = Job(
            id=uuid.uuid4().hex,
            order=order,
            state=JobState.QUEUED,
            reason=Reason.ACCEPTED,
            message="Accepted.",
            created_at=self._now,
            updated_at=self._now,
            vmid=order.vmid,
        )
        with self.store.intake() as intake:
            intake.add_job(replace(job, **fields), "Accepted.")
        self.ticker.refresh()
        return job.id

    def job(self, job_id: str) -> Job:
        """The job as stored."""
        job = self.store.job(job_id)
        assert job is not None
        return job

    def messages(self, job_id: str) -> list[str]:
        """The job's history."""
        return [event.message for event in self.store.events(job_id)]

    def tick(self, job_id: str) -> StepResult:
        """One tick; no time passes."""
        return self.ticker.tick(self.job(job_id), self.epoch)

    @property
    def now(self) -> float:
        """Our clock, unix seconds."""
        return self._now

    def grow_older(self, seconds: float) -> None:
        """Let time pass for us alone."""
        self._now += seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the lab and for the workflow alike."""
        self._now += seconds
        self.lab.advance(seconds)

    def run(self, job_id: str, until: Callable[[Job], bool] | JobState | None = None) -> Job:
        """Tick, letting the time between two ticks pass, until the job is where it should be, or over."""
        for _ in range(5000):
            job = self.job(job_id)
            if not job.live or (
                job.state is until if isinstance(until, JobState) else until is not None and until(job)
            ):
                return job
            result = self.tick(job_id)
            if result.after:
                self.pass_time(result.after)
        raise AssertionError(f"the job is still {self.job(job_id).state}: {self.messages(job_id)[-3:]}")

    def wait_for(self, job_id: str, condition: Callable[[Job], bool]) -> Job:
        """Wait for a job that a runner works on."""
        with self.figures.changed:
            reached = self.figures.changed.wait_for(lambda: condition(self.job(job_id)), _WAIT_SECONDS)
        assert reached, self.messages(job_id)
        return self.job(job_id)

    def wait_for_message(self, job_id: str, message: str) -> None:
        """Wait until a runner has told this of a job; what happens in the queue has no figures to wait for."""
        until = time.monotonic() + _WAIT_SECONDS
        while message not in self.messages(job_id):
            assert time.monotonic() < until, self.messages(job_id)
            with self.figures.changed:
                self.figures.changed.wait(0.02)

    def sent(self, method: str, ending: str) -> list[Received]:
        """The requests of this kind that reached the lab."""
        return [each for each in self.lab.requests if each.method == method and each.path.endswith(ending)]

    @property
    def migrations(self) -> list[str]:
        """The ids of the guest's migrations, as the lab knows them."""
        return [task.upid for task in self.lab.tasks if task.type == "qmigrate"]
