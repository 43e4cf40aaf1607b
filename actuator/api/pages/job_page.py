"""``/jobs/{id}``: one job, with each step's time and reason."""

from typing import Any

from fastapi import APIRouter, Response

from actuator.api.pages.entrance import Viewing
from actuator.api.pages.job_cards import job_card
from actuator.api.pages.overview import names_of
from actuator.api.pages.parts import Paged, Parts
from actuator.api.pages.route import PageRoute
from actuator.api.pages.showing import page
from actuator.api.pages.timeline import steps
from actuator.api.problems import refused
from actuator.api.services import Services, Wired
from actuator.api.views import EpisodeView, EventView
from actuator.policy.episodes import Episode
from actuator.policy.jobs import Job, JobEvent

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/jobs/{job_id}")
async def show_job(job_id: str, viewer: Viewing, services: Wired, parts: Paged) -> Response:
    """Show a job and its history."""
    facts = await job_facts(services, parts, job_id, patience=parts.look_patience)
    if facts is None:
        raise refused(404, "No job has this id; the overview lists the newest.")
    notice = parts.sessions.tell(viewer.session)
    return page("job.html", viewer=viewer, notice=notice, stream=f"/live?job={facts['job'].id}", **facts)


async def job_facts(services: Services, parts: Parts, job_id: str, *, patience: float) -> dict[str, Any] | None:
    """Return what the page of a job shows, whoever looks at it; None when there is no such job.

    Args:
        services: Whom to ask.
        parts: Ours.
        job_id: Which.
        patience: How long a look at the nodes is waited for, which tells the guest's name, in seconds.

    Raises:
        StoreUnavailable: Nothing can be told.
    """
    found = await parts.aside(lambda: _found(services, job_id))
    if found is None:
        return None
    job, episode, events = found
    now = services.clock()
    card = job_card(job, names_of(await parts.sight.nodes(patience)), now)
    return {
        "job": card,
        "upid": job.checkpoint.upid,
        "steps": steps(job, events, now),
        "episode": None if episode is None else EpisodeView.of(episode),
        "events": [EventView.of(event) for event in events],
        "said": card.said,
        "title": f"{card.what}: {card.state.replace('_', ' ')}",
    }


def _found(services: Services, job_id: str) -> tuple[Job, Episode | None, list[JobEvent]] | None:
    job = services.store.job(job_id)
    if job is None:
        return None
    episode = None if job.episode_id is None else services.store.episode(job.episode_id)
    return job, episode, services.store.events(job_id)
