"""What the routers work with, and how they get at it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from actuator.adapters.store import Store
from actuator.api.body import BodyLimits
from actuator.api.gate import Gate
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.policy.rules import Mode


class Worker(Protocol):
    """The part of the runner that the way in knows."""

    @property
    def alive(self) -> bool:
        """Whether it does jobs, or stands by for the lead."""

    def notify(self) -> None:
        """Look for work at once."""


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
    body_limits: BodyLimits = field(default_factory=BodyLimits)
    events_poll_seconds: float = 0.25


async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - tells the type checker what app.py put there
    return services


Wired = Annotated[Services, Depends(_services)]
