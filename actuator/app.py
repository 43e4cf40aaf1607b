"""The wiring: which parts there are, who gets whom, and what starts and stops with the server."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool

from actuator.adapters.leadership import lead_of
from actuator.adapters.looking import Aside
from actuator.adapters.probe import answers
from actuator.adapters.prometheus import Prometheus
from actuator.adapters.proxmox import Proxmox
from actuator.adapters.store import Store
from actuator.api import application
from actuator.api.gate import Gate
from actuator.api.intake import Intake
from actuator.api.refusals import Refusals
from actuator.api.services import Services
from actuator.metrics import Metrics
from actuator.monitoring import prometheus_access
from actuator.policy.power import Power
from actuator.reload import Reloader
from actuator.tls import Exchangeable
from actuator.wakers import chain
from actuator.workflow.follow_up import FollowUp
from actuator.workflow.housekeeping import Housekeeping
from actuator.workflow.means import Means
from actuator.workflow.node_watch import NodeWatch
from actuator.workflow.planning import plan
from actuator.workflow.runner import Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from fastapi import FastAPI

    from actuator.credentials import Credentials
    from actuator.settings import Settings

log = structlog.get_logger(__name__)

_LAST_TICK_SECONDS = 10.0
_LAST_LOOK_SECONDS = 1.0  # a second look that is left stays due


def create_app(
    settings: Settings,
    credentials: Credentials,
    *,
    file: Path,
    read: Callable[[], tuple[Settings, Credentials]],
) -> FastAPI:
    """Wire the actuator; its runner starts and stops with the application's lifespan.

    The application's state has ``reload``, which takes a name and reads the configuration again, ``tls``, the
    listener's `actuator.tls.Exchangeable`, or None, and ``refused``, which counts an error answer by its status.

    Args:
        settings: As the file says.
        credentials: As its files say.
        file: The configuration file, for messages.
        read: Reads both anew.

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
    waker = chain(settings, credentials.wake, proxmox, store.nodes.mac)
    runner = Runner(
        store=store,
        leadership=leadership,
        proxmox=proxmox,
        waker=waker,
        rules=settings.rules(),
        timing=settings.step_timing(),
        clock=time.time,
        observer=metrics,
        answers=partial(answers, ports=settings.node_ports()),
        power=power,
    )

    watch = NodeWatch(store=store, proxmox=proxmox, nodes=frozenset(settings.nodes), epoch=lambda: leadership.epoch)

    housekeeping = Housekeeping(store, lambda: leadership.epoch, lambda: reloader.settings.keep_days, time.time)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Work while the server serves."""
        runner.start()
        follow_up.start()
        watch.start()
        housekeeping.start()
        try:
            yield
        finally:
            await run_in_threadpool(follow_up.stop, _LAST_LOOK_SECONDS)
            await run_in_threadpool(housekeeping.stop, _LAST_LOOK_SECONDS)
            app.state.at_work = not await run_in_threadpool(runner.stop, _LAST_TICK_SECONDS)
            await run_in_threadpool(watch.stop)
            proxmox.close()
            store.close()
            log.info("actuator.stopped")

    intake = Intake(store, settings.rules(), clock=time.time, decided=metrics.decided, notify=runner.notify)
    aside = Aside("look")
    gate = Gate(credentials.tokens, clock=time.monotonic, open_probes=settings.web.open_probes)
    tls = None if credentials.tls is None else Exchangeable.of(credentials.tls)

    def adopt(settings: Settings, credentials: Credentials) -> None:
        rules = settings.rules()
        intake.adopt(rules)
        runner.adopt(rules, settings.step_timing())
        gate.tokens, gate.open_probes = credentials.tokens, settings.web.open_probes
        if tls is not None and credentials.tls is not None:
            tls.present = credentials.tls

    reloader = Reloader(
        file=file, settings=settings, credentials=credentials, read=read, adopt=adopt, store=store, clock=time.time
    )

    def means() -> Means:
        present = reloader.settings
        return Means(proxmox, waker, store, present.rules(), present.step_timing(), power=power)

    services = Services(
        store=store,
        intake=intake,
        gate=gate,
        refusals=Refusals(metrics.request_refused, clock=time.monotonic),
        registry=metrics.registry,
        worker=runner,
        leading=lambda: leadership.epoch is not None,
        clock=time.time,
        mode=lambda: reloader.settings.mode,
        reload=reloader.reload,
        rules=lambda: means().rules,
        look=lambda: aside.ask(proxmox.cluster),
        plan=lambda order: aside.ask(lambda: plan(order, means(), time.time())),
        power=power,
        wakes=store.nodes.all,
    )
    app = application.build(services, lifespan=lifespan)
    app.state.reload, app.state.tls, app.state.refused = reloader.reload, tls, metrics.request_refused
    return app
