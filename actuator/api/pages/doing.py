"""What the buttons of a page do: the same as the API's calls, and back to the page, which tells what became of it."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from actuator.api.jobs import cancel_job
from actuator.api.nodes import Named, clear_quarantine, wake_node
from actuator.api.pages.forms import Filled, Ordered
from actuator.api.pages.route import PageRoute
from actuator.api.pages.sessions import Notice
from actuator.api.pause import PauseRequest, pause, resume
from actuator.api.problems import Refused, refused
from actuator.api.services import Services, Wired

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, form: Ordered, services: Wired) -> Response:
    """Cancel a job that has not asked for its migration yet."""
    back = f"/jobs/{job_id}" if form.fields.get("to") == "job" else "/"
    return await _done(form, lambda: _cancelled(job_id, form, services), back)


@router.post("/nodes/{node}/wake")
async def wake(node: Named, form: Ordered, services: Wired) -> Response:
    """Wake a node."""
    return await _done(form, lambda: _woken(node, form, services))


@router.post("/nodes/{node}/clear-quarantine")
async def trust(node: Named, form: Ordered, services: Wired) -> Response:
    """Trust a node again that failed to wake."""
    return await _done(form, lambda: _trusted(node, form, services))


@router.post("/pause")
async def stop(form: Ordered, services: Wired) -> Response:
    """Begin nothing new."""
    return await _done(form, lambda: _paused(form, services))


@router.post("/resume")
async def go_on(form: Ordered, services: Wired) -> Response:
    """End the pause."""
    return await _done(form, lambda: _resumed(form, services))


def _cancelled(job_id: str, form: Filled, services: Services) -> str:
    cancel_job(job_id, form.viewer.name, services)
    return "The job is asked to stop; it ends with its next look."


def _woken(node: str, form: Filled, services: Services) -> str:
    # Not that it is woken: in mode observe, or when it is awake by then, the job ends without that.
    return f"{wake_node(node, form.viewer.name, services).job.message} Its job tells what becomes of that."


def _trusted(node: str, form: Filled, services: Services) -> str:
    cleared = clear_quarantine(node, form.viewer.name, services).cleared
    return f"Node {node} may be woken again." if cleared else f"Node {node} was not in quarantine any more."


def _paused(form: Filled, services: Services) -> str:
    try:
        request = PauseRequest(reason=form.fields.get("reason", ""))
    except ValidationError:
        raise refused(422, "Say in 1 to 300 characters why work is to be paused.") from None
    pause(request, form.viewer.name, services)
    return "Paused: nothing new begins; a migration that was asked for goes on."


def _resumed(form: Filled, services: Services) -> str:
    resume(form.viewer.name, services)
    return "Work goes on, and failures so far count no more."


async def _done(form: Filled, do: Callable[[], str], back: str = "/") -> Response:
    try:
        notice = Notice(await run_in_threadpool(do), done=True)
    except Refused as refusal:
        why = "" if refusal.problem.reason is None else f" ({refusal.problem.reason})"
        notice = Notice(f"{refusal.problem.message}{why}", done=False)
    form.viewer.session.notice = notice
    return RedirectResponse(back, status_code=303)
