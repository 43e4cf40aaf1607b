"""The pages under one roof."""

import importlib.resources
import time
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from actuator.api.nodes import list_nodes
from actuator.api.pages import doing, job_page, live, moving, overview, signing_in
from actuator.api.pages.parts import Parts
from actuator.api.pages.sight import Sight

PAGES: Final = tuple(part.router for part in (overview, job_page, moving, doing, live, signing_in))


def install(app: FastAPI) -> None:
    """Add the pages to an application that has its services."""
    app.state.page = Parts(Sight(lambda: list_nodes(app.state.services), clock=time.monotonic))
    for router in PAGES:
        app.include_router(router)
    # Open to everybody: they are the same in every copy of this release.
    with importlib.resources.as_file(importlib.resources.files("actuator.web") / "static") as folder:
        app.mount("/static", StaticFiles(directory=Path(folder)))
