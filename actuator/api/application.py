"""The HTTP side: the routers under one roof."""

import importlib.metadata
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from actuator.api import alerts, audit, events, health, jobs, nodes, pause, plan, problems, reference, reload
from actuator.api.access import ANSWERS
from actuator.api.headers import Protected
from actuator.api.pages.application import install
from actuator.api.problems import Problem
from actuator.api.services import Services


def build(
    services: Services, *, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """Return the application.

    Args:
        services: What the routers work with.
        lifespan: Runs what works in the background while the application serves.
    """
    app = FastAPI(
        title="Wattshift actuator",
        version=importlib.metadata.version("wattshift"),
        description="Takes power alerts, wakes nodes and moves guests of a Proxmox VE cluster.",
        lifespan=lifespan,
        responses={422: {"model": Problem}, 503: {"model": Problem}},
        # The framework's own pages load their programs from another host.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.add_middleware(Protected)
    problems.install(app)
    for part in (alerts, jobs, events, plan, nodes, audit, pause, reload, health):
        app.include_router(part.router, responses=ANSWERS)
    app.include_router(reference.router)
    install(app)
    return app
