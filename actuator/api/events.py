"""``GET /api/v1/jobs/{id}/events``: a job's history as it happens, as server-sent events.

A browser's ``EventSource`` reads it as it is: the id of each event lets it resume after a lost connection
(https://html.spec.whatwg.org/multipage/server-sent-events.html), and once the job has ended and all was told, a
renewed request gets 204, which tells it to stop.
"""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import structlog
from fastapi import APIRouter, Depends, Header, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from actuator.adapters.store import Store
from actuator.api.access import caller
from actuator.api.problems import Problem, refused
from actuator.api.services import Services, Wired
from actuator.api.views import EventView
from actuator.errors import StoreUnavailable
from actuator.policy.jobs import JobEvent

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], dependencies=[Depends(caller)])

_MAX_EVENT_ID = 2**63 - 1


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={204: {"description": "The job has ended and all was told."}, 404: {"model": Problem}},
)
def follow_job(
    job_id: str,
    services: Wired,
    last_event_id: Annotated[int, Header(ge=0, le=_MAX_EVENT_ID, description="Begin after this event.")] = 0,
) -> Response:
    """Follow a job until it ends; each message is one event of its history, as JSON."""
    job = services.store.job(job_id)
    if job is None:
        raise refused(404, "No job has this id; GET /api/v1/jobs lists the newest.")
    if not job.live and not services.store.events(job_id, after=last_event_id, limit=1):
        return Response(status_code=204)
    return EventSourceResponse(_follow(services, job_id, last_event_id))


async def _follow(services: Services, job_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    ended, tokens = False, services.gate.tokens
    try:
        # Other tokens may be good now: the reader comes back with its own, and resumes, or is not let in any more.
        while not ended and services.gate.tokens == tokens:
            ended, events = await run_in_threadpool(_news, services.store, job_id, after)
            for event in events:
                after = event.id
                yield ServerSentEvent(EventView.of(event).model_dump_json(), id=str(event.id))
            if not ended and not events:
                # The leader that does the job may be another process, so there is nothing to wait on but the database.
                await anyio.sleep(services.events_poll_seconds)
    except StoreUnavailable as error:
        log.warning("events.interrupted", job=job_id, error=str(error))  # the reader comes back and resumes


def _news(store: Store, job_id: str, after: int) -> tuple[bool, list[JobEvent]]:
    # The job first: an end that is seen was written together with its last event, so none can be missed after it.
    job = store.job(job_id)
    events = store.events(job_id, after=after)
    return (job is None or not job.live) and not events, events
