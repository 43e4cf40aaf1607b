"""The wiring: which parts there are, who gets whom, and what starts and stops with the server."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool

from actuator.adapters.leadership import lead_of
from actuator.adapters.looking import Aside
from actuator.adapters.prometheus import Prometheus
from actuator.adapters.proxmox import Proxmox
from actuator.adapters.store import Store
from actuator.adapters.waking import MagicPacket
from actuator.api import application
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.api.services import Services
from actuator.metrics import Metrics
from actuator.monitoring import prometheus_access
from actuator.policy.power import Power
from actuator.workflow.follow_up import FollowUp
from actuator.workflow.means import Means
from actuator.workflow.planning import plan
from actuator.workflow.runner import Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from actuator.credentials import Credentials
    from actuator.settings import Settings

log = structlog.get_logger(__name__)

_LAST_TICK_SECONDS = 10.0
_LAST_LOOK_SECONDS = 1.0  # a second look that is left stays due


def create_app(settings: Settings, credentials: Credentials) -> FastAPI:
    """Wire the actuator; its runner starts and stops with the application's lifespan.

    Raises:
        ConfigurationError: a newer release wrote the database, or a file for Prometheus cannot be read.
        StoreUnavailable: the database cannot be opened.
    """
    store = Store.open(settings.database, password=credentials.database_password)
    store.upgrade()
    metrics = Metrics(store)
    leadership = lead_of(store)
    proxmox = Proxmox(settings.proxmox_access(credentials.proxmox_secret))
    access = prometheus_access(settings.prometheus)
    power = Power if access is None else Prometheus(access).power
    follow_up = FollowUp(store, lambda: leadership.epoch, power, metrics, time.time)
    runner = Runner(
        store=store,
        leadership=leadership,
        proxmox=proxmox,
        waker=MagicPacket(settings.wake_targets()),
        rules=settings.rules(),
        timing=settings.step_timing(),
        clock=time.time,
        observer=metrics,
        power=power,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Work while the server serves."""
        runner.start()
        follow_up.start()
        try:
            yield
        finally:
            await run_in_threadpool(follow_up.stop, _LAST_LOOK_SECONDS)
            app.state.at_work = not await run_in_threadpool(runner.stop, _LAST_TICK_SECONDS)
            proxmox.close()
            store.close()
            log.info("actuator.stopped")

    intake = Intake(store, settings.rules(), clock=time.time, decided=metrics.decided, notify=runner.notify)
    means = Means(proxmox, MagicPacket(settings.wake_targets()), store, settings.rules(), settings.step_timing(), power)
    aside = Aside("look")
    services = Services(
        store=store,
        intake=intake,
        tokens=credentials.tokens,
        refusals=Refusals(metrics.request_refused, clock=time.monotonic),
        registry=metrics.registry,
        worker=runner,
        leading=lambda: leadership.epoch is not None,
        clock=time.time,
        mode=settings.mode,
        rules=settings.rules,
        look=lambda: aside.ask(proxmox.cluster),
        plan=lambda order: aside.ask(lambda: plan(order, means, time.time())),
        power=power,
    )
    return application.build(services, lifespan=lifespan)
