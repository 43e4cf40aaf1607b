"""``/live``: an open page kept up to date, by server-sent events.

One stream a page, whatever there is to see on it: it sends what the page shows, rendered as at first, whenever that has
changed, and a beat in between, so that a page knows that it is up to date and not forgotten. While nobody knows that,
what is in the way is said again instead. It ends with the session, and with a reader that takes nothing.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Final

import anyio
import structlog
from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Send
from starlette.types import Scope as Asked

from actuator.api.pages.entrance import Viewer, recognised, viewer
from actuator.api.pages.job_page import job_facts
from actuator.api.pages.overview import Ended, overview_facts
from actuator.api.pages.parts import Paged, Parts
from actuator.api.pages.route import PageRoute
from actuator.api.problems import refused
from actuator.api.services import Services, Wired
from actuator.auth import Scope
from actuator.errors import StoreUnavailable
from actuator.web.rendering import render

log = structlog.get_logger(__name__)
router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_WATCHED: Final = 32
"""Pages watched at a time: each one looks into the database as long as it is open."""


class _Stream(EventSourceResponse):
    """A stream, which has its place among those that are watched from when it is promised until it ends."""

    def __init__(self, told: AsyncIterator[ServerSentEvent], parts: Parts) -> None:
        super().__init__(told, send_timeout=parts.send_seconds)
        self._parts = parts
        parts.watching += 1

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Serve."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("page.stalled", peer=scope["client"][0] if scope.get("client") else None)
        finally:
            self._parts.watching -= 1


Facts = Callable[[], Awaitable[dict[str, Any] | None]]


@router.get("/live", dependencies=[Depends(viewer)])
async def watch(
    request: Request,
    services: Wired,
    parts: Paged,
    job: Annotated[str | None, Query(max_length=64)] = None,
    ended: Ended = 15,
) -> EventSourceResponse:
    """Follow the overview, or a job."""
    if parts.watching >= MOST_WATCHED:
        raise refused(503, f"{MOST_WATCHED} pages are watched already; reload this one to see news.")

    told = _told(
        parts,
        "overview_live.html" if job is None else "job_live.html",
        lambda: _present(request, services, parts),
        lambda: _facts(services, parts, job, ended),
    )
    return _Stream(told, parts)


def _present(request: Request, services: Services, parts: Parts) -> Viewer | None:
    found = recognised(request, services, parts)
    return found if found is not None and found.holder.may(Scope.READ) else None


async def _facts(services: Services, parts: Parts, job: str | None, ended: int) -> dict[str, Any] | None:
    if job is None:
        return await overview_facts(services, parts, ended=ended, patience=0.0)
    return await job_facts(services, parts, job, patience=0.0)


async def _told(
    parts: Parts, template: str, present: Callable[[], Viewer | None], facts: Facts
) -> AsyncIterator[ServerSentEvent]:
    told: tuple[str, str] | None = None
    beaten = parts.clock()
    while (reader := present()) is not None:
        news = await _news(parts, template, reader, facts, told)
        if news != told:
            told, beaten = news, parts.clock()
            yield ServerSentEvent(news[1], event=news[0])
        elif parts.clock() - beaten >= parts.beat_seconds:
            beaten = parts.clock()
            event, said = ("beat", "") if news[0] == "page" else news
            yield ServerSentEvent(said, event=event)
        await anyio.sleep(parts.poll_seconds)
    yield ServerSentEvent("Your session is over, so this page stands still: sign in again.", event="over")


async def _news(
    parts: Parts, template: str, viewer: Viewer, facts: Facts, told: tuple[str, str] | None
) -> tuple[str, str]:
    try:
        shown = await facts()
    except StoreUnavailable as error:
        if told is None or told[0] != "trouble":  # once, and not with each look of each page
            log.warning("page.interrupted", error=str(error))
        return (
            "trouble",
            "The database does not answer, so this page stands still until it does; see the actuator's log.",
        )
    if shown is None:
        return "over", "This job is not in the database any more."
    # Aside, since a large cluster takes milliseconds, again and again, in which an alert would wait.
    html = await parts.aside(lambda: render(template, viewer=viewer, **shown))
    return "page", json.dumps({"html": html, "said": shown["said"], "title": shown["title"]})
