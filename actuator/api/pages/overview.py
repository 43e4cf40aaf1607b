"""``/``: the nodes, what runs, what has ended, and the switches."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from actuator.api.nodes import NodesAnswer
from actuator.api.pages.entrance import Viewing
from actuator.api.pages.job_cards import JobCard, Names, job_card
from actuator.api.pages.node_cards import node_cards, total_watts
from actuator.api.pages.parts import Paged, Parts
from actuator.api.pages.route import PageRoute
from actuator.api.pages.showing import page
from actuator.api.pages.sight import NOT_SEEN
from actuator.api.services import Services, Wired
from actuator.policy.jobs import TERMINAL, Job, JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_SHOWN = 15
_MOST = 500
_MOST_RUNNING, _MOST_QUEUED = 40, 10
_AT_WORK = frozenset(JobState) - TERMINAL - {JobState.QUEUED}

Ended = Annotated[int, Query(ge=1, le=_MOST)]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the database tells, of one moment."""

    running: list[Job]
    live: int
    ended: list[Job]
    paused: str | None


@router.get("/")
async def overview(viewer: Viewing, services: Wired, parts: Paged, ended: Ended = _SHOWN) -> Response:
    """Show it."""
    facts = await overview_facts(services, parts, ended=ended, patience=parts.look_patience)
    notice = parts.sessions.tell(viewer.session)
    return page("overview.html", viewer=viewer, notice=notice, stream=f"/live?ended={ended}", **facts)


async def overview_facts(services: Services, parts: Parts, *, ended: int, patience: float) -> dict[str, Any]:
    """Return what the overview shows, whoever looks at it.

    Args:
        services: Whom to ask.
        parts: Ours.
        ended: How many jobs that are over are shown.
        patience: How long a look at the nodes is waited for, in seconds.

    Raises:
        StoreUnavailable: Nothing can be told.
    """
    seen = await parts.sight.nodes(patience)
    kept = await parts.aside(lambda: _kept(services, ended))
    now, names = services.clock(), names_of(seen)
    running = [job_card(job, names, now) for job in kept.running]
    over = [job_card(job, names, now) for job in kept.ended[:ended]]
    drawn, measured = (None, 0) if seen is None else total_watts(seen)
    return {
        "nodes": None if seen is None else node_cards(seen, kept.running),
        "quorate": None if seen is None else seen.quorate,
        "trouble": NOT_SEEN if seen is None else seen.error,
        "drawn": drawn,
        "measured": measured,
        "running": running,
        "live": kept.live,
        "over": over,
        "more": len(kept.ended) > ended,
        "most": _MOST,
        "paused": kept.paused,
        "mode": services.mode(),
        "leading": services.leading(),
        "said": _said(running, over),
        "title": f"{kept.live} under way" if kept.live else "Overview",
    }


def names_of(seen: NodesAnswer | None) -> Names:
    """Return the guests' names, as far as the newest look told them."""
    return {} if seen is None else {guest.vmid: guest.name for node in seen.nodes for guest in node.guests}


def _kept(services: Services, ended: int) -> _Kept:
    store = services.store
    at_work = store.jobs(limit=_MOST_RUNNING, states=_AT_WORK)
    # A storm of alerts may queue thousands.
    running = [*at_work, *store.jobs(limit=_MOST_QUEUED, states=[JobState.QUEUED])]
    # One more than is shown tells that there are more.
    return _Kept(running, store.live_count(), store.ended_jobs(ended + 1), store.paused())


def _said(running: list[JobCard], over: list[JobCard]) -> str:
    return " ".join(card.said for card in [*running, *over[:1]])
