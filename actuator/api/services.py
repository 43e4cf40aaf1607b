"""What the routers work with, and how they get at it."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from actuator.adapters.store import Store
from actuator.api.body import BodyLimits
from actuator.api.gate import Gate
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.policy.cluster import Cluster
from actuator.policy.orders import Order
from actuator.policy.plans import Plan
from actuator.policy.power import Power
from actuator.policy.rules import Mode, Rules


class Worker(Protocol):
    """The part of the runner that the way in knows."""

    @property
    def alive(self) -> bool:
        """Whether it does jobs, or stands by for the lead."""

    def notify(self) -> None:
        """Look for work at once."""


class Remembered(Protocol):
    """How the wakes of a node went; times in unix seconds, None for what never happened."""

    @property
    def wake_at(self) -> float | None:
        """When the newest one ended."""

    @property
    def wake_succeeded(self) -> bool | None:
        """Whether the node joined the cluster by it."""

    @property
    def wake_method(self) -> str | None:
        """How it was asked."""

    @property
    def wake_message(self) -> str | None:
        """What was told of it."""

    @property
    def woke_at(self) -> float | None:
        """When one last succeeded."""

    @property
    def woke_seconds(self) -> float | None:
        """How long that one took."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that outlives a request.

    Attributes:
        store: Episodes, jobs and the pause.
        intake: Takes alerts and orders.
        gate: Who may call.
        refusals: Hears of requests that end in an error answer.
        registry: What ``/metrics`` shows.
        worker: Does the jobs.
        leading: Whether this process is the one that does them.
        clock: Unix seconds.
        mode: Observe or act, at present.
        reload: Reads the configuration again; the keys that changed, or `ConfigurationError` and nothing did.
        rules: What may be done, at present.
        look: Looks at the cluster, in a thread of its own.
        plan: Tells what an order would lead to, in the same thread.
        power: Looks at the power of nodes and guests; never raises, and takes two or three seconds at most.
        wakes: Node -> how its wakes went, of which anything is remembered.
        look_seconds: How long the answer of that thread is waited for.
        body_limits: How much of a body is read.
        events_poll_seconds: How often a stream of events looks for new ones.
    """

    store: Store
    intake: Intake
    gate: Gate
    refusals: Refusals
    registry: CollectorRegistry
    worker: Worker
    leading: Callable[[], bool]
    clock: Callable[[], float]
    mode: Callable[[], Mode]
    reload: Callable[[str], list[str]]
    rules: Callable[[], Rules]
    look: Callable[[], Future[Cluster]]
    plan: Callable[[Order], Future[Plan]]
    power: Callable[[], Power] = Power
    wakes: Callable[[], Mapping[str, Remembered]] = dict
    look_seconds: float = 10.0
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    events_poll_seconds: float = 0.25


async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - tells the type checker what app.py put there
    return services


Wired = Annotated[Services, Depends(_services)]
