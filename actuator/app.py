"""The wiring: which parts there are, who gets whom, and what starts and stops with the server."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool

from actuator.adapters.leadership import Leadership
from actuator.adapters.probe import answers
from actuator.adapters.proxmox import Proxmox
from actuator.adapters.store import Store
from actuator.api import application
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.api.services import Services
from actuator.metrics import Metrics
from actuator.wakers import chain
from actuator.workflow.node_watch import NodeWatch
from actuator.workflow.runner import Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from actuator.credentials import Credentials
    from actuator.settings import Settings

log = structlog.get_logger(__name__)

_LAST_TICK_SECONDS = 10.0


def create_app(settings: Settings, credentials: Credentials) -> FastAPI:
    """Wire the actuator; its runner starts and stops with the application's lifespan.

    Raises:
        ConfigurationError: a newer release wrote the database.
        StoreUnavailable: the database cannot be opened.
    """
    store = Store.open(settings.database)
    store.upgrade()
    metrics = Metrics(store)
    leadership = Leadership(store, settings.database_file.with_suffix(".lock"))
    proxmox = Proxmox(settings.proxmox_access(credentials.proxmox_secret))
    runner = Runner(
        store=store,
        leadership=leadership,
        proxmox=proxmox,
        waker=chain(settings, credentials.wake, proxmox, store.nodes.mac),
        rules=settings.rules(),
        timing=settings.step_timing(),
        clock=time.time,
        observer=metrics,
        answers=partial(answers, ports=settings.node_ports()),
    )

    watch = NodeWatch(store=store, proxmox=proxmox, nodes=frozenset(settings.nodes), epoch=lambda: leadership.epoch)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Work while the server serves."""
        runner.start()
        watch.start()
        try:
            yield
        finally:
            app.state.at_work = not await run_in_threadpool(runner.stop, _LAST_TICK_SECONDS)
            await run_in_threadpool(watch.stop)
            proxmox.close()
            store.close()
            log.info("actuator.stopped")

    intake = Intake(store, settings.rules(), clock=time.time, decided=metrics.decided, notify=runner.notify)
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
    )
    return application.build(services, lifespan=lifespan)
