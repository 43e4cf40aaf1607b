"""The HTTP side: the routers under one roof."""

import importlib.metadata
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from actuator.api import alerts, events, health, jobs, nodes, pause, plan, problems
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
    )
    app.state.services = services
    problems.install(app)
    for part in (alerts, jobs, events, plan, nodes, pause, health):
        app.include_router(part.router)
    return app
