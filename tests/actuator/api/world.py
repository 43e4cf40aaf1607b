"""The HTTP side on a real database, with a worker that only notes that it was told of work."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from actuator.adapters.store import Store
from actuator.api import application
from actuator.api.body import BodyLimits
from actuator.api.gate import Gate
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.api.services import Remembered, Services
from actuator.api.throttle import LoginLimits
from actuator.auth import Holder, Scope, Tokens, digest_of
from actuator.errors import ProxmoxUnreachable
from actuator.metrics import Metrics
from actuator.policy.decide import at_preflight
from actuator.policy.jobs import TERMINAL, Job, JobState
from actuator.policy.plans import Plan
from actuator.policy.power import Power
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from actuator.policy.cluster import Cluster
    from actuator.policy.orders import Order
    from actuator.policy.rules import Rules

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "alertmanager"
RECORDED_AT = 1795364427.0
"""A few seconds after the alerts of the recordings began."""

TOKEN = "correct-horse-battery-staple"
ALERT_TOKEN = "may-post-alerts-and-no-more"
READ_TOKEN = "may-look-and-nothing-more"
OPERATE_TOKEN = "may-look-and-do-but-no-alerts"
TOKENS = Tokens(
    (Holder(name, frozenset(scopes)), digest_of(token))
    for name, token, scopes in (
        ("alertmanager", TOKEN, (Scope.ALERT, Scope.OPERATE)),
        ("only-alerts", ALERT_TOKEN, (Scope.ALERT,)),
        ("only-looks", READ_TOKEN, (Scope.READ,)),
        ("only-operates", OPERATE_TOKEN, (Scope.OPERATE,)),
    )
)
"""The first one may do everything; each of the others has one scope."""

RULES = replace(
    samples.RULES,
    nodes=frozenset({"pve", "pve2", "pve3", "pve4"}),
    allowed_vmids=frozenset({100, 101}),
    allowed_tag=None,
    memory_reserve_bytes=0,
)


class Bell:
    """A worker that counts how often it was told of work."""

    def __init__(self) -> None:
        self.rung = 0
        self.alive = True

    def notify(self) -> None:
        """Count."""
        self.rung += 1


@dataclass
class World:
    """Everything that a test of the HTTP side holds in its hands."""

    folder: Path
    rules: Rules = RULES
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    login_limits: LoginLimits = field(default_factory=LoginLimits)
    now: float = RECORDED_AT
    bell: Bell = field(default_factory=Bell)
    power: Power = field(default_factory=Power)
    wakes: dict[str, Remembered] = field(default_factory=dict)
    cluster: Cluster | Exception | None = None
    """What a look at Proxmox shows, or raises; None: it never ends."""
    reloads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = self.folder / "actuator.db"
        self.store = Store.open(f"sqlite:///{self.database}", busy_seconds=5.0)
        self.store.upgrade()
        self.metrics = Metrics(self.store)
        self.gate = Gate(TOKENS, clock=self.clock, limits=self.login_limits)
        self.app: FastAPI = application.build(
            Services(
                store=self.store,
                intake=Intake(
                    self.store, self.rules, clock=self.clock, decided=self.metrics.decided, notify=self.bell.notify
                ),
                gate=self.gate,
                registry=self.metrics.registry,
                refusals=Refusals(self.metrics.request_refused, clock=self.clock),
                worker=self.bell,
                leading=lambda: True,
                clock=self.clock,
                mode=lambda: self.rules.mode,
                reload=self.reload,
                rules=lambda: self.rules,
                look=self.look,
                plan=self.plan,
                power=lambda: self.power,
                wakes=lambda: self.wakes,
                body_limits=self.body_limits,
                events_poll_seconds=0.01,
            )
        )
        self.client = TestClient(self.app, headers={"Authorization": f"Bearer {TOKEN}"}, raise_server_exceptions=False)

    def look(self) -> Future[Cluster]:
        """Look at Proxmox, as this test has it."""
        future: Future[Cluster] = Future()
        if isinstance(self.cluster, Exception):
            future.set_exception(self.cluster)
        elif self.cluster is not None:
            future.set_result(self.cluster)
        return future

    def plan(self, order: Order) -> Future[Plan]:
        """Plan by the decision of preflight alone."""
        future: Future[Plan] = Future()
        look = self.look()
        if look.done():
            try:
                history = self.store.history(self.now)
                future.set_result(Plan(at_preflight(order, look.result(), history, self.rules, now=self.now)))
            except ProxmoxUnreachable as error:
                future.set_exception(error)
        return future

    def hurried(self, seconds: float) -> Services:
        """The same services, with another deadline for looks at Proxmox."""
        services: Services = self.app.state.services
        return replace(services, look_seconds=seconds)

    def reload(self, requested_by: str) -> list[str]:
        """Reload nothing, as if no file had changed; `tests.actuator.test_reload` has the real one."""
        self.reloads.append(requested_by)
        return []

    def clock(self) -> float:
        """The present, which only the test moves."""
        return self.now

    def post_alerts(self, body: object) -> Any:
        """Send a webhook body."""
        return self.client.post("/api/v1/alerts", json=body)

    def lead(self, job_id: str, state: JobState, **changes: Any) -> Job:
        """Do what the leader would: take a job to a state, writing history."""
        job = self.store.job(job_id)
        assert job is not None
        ended = self.now if state in TERMINAL else None
        job = replace(job, state=state, updated_at=self.now, finished_at=ended, **changes)
        self.store.save(job, epoch=self.epoch, message=f"now {state}")
        return job

    def break_database(self) -> None:
        """Put something else in the place of the database."""
        self.store.close()
        for file in self.folder.glob("actuator.db*"):
            file.write_bytes(b"no database at all " * 1000)

    @property
    def epoch(self) -> int:
        """The epoch of a leader that exists from the first question on."""
        if not hasattr(self, "_epoch"):
            self._epoch = self.store.next_epoch()
        return self._epoch


def metric(world: World, name: str, **labels: str) -> float:
    """The value of a sample that ``/metrics`` shows."""
    families = text_string_to_metric_families(world.client.get("/metrics").text)
    [value] = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return float(value)


def recorded(name: str) -> Any:
    """The body of a webhook that a real Alertmanager sent."""
    return json.loads((RECORDINGS / f"{name}.json").read_text())["body"]


@contextmanager
def served(world: World) -> Iterator[tuple[str, int]]:
    """A real server on the loopback, for what only a real connection shows."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()
