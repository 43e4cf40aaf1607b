"""``/move``: choose a guest and a target, see what would happen, and only then let it happen."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from actuator.api.jobs import OrderRequest, begin_job
from actuator.api.looks import seen
from actuator.api.nodes import GuestView, NodesAnswer
from actuator.api.pages.entrance import Viewing
from actuator.api.pages.forms import Ordered
from actuator.api.pages.parts import Paged
from actuator.api.pages.route import PageRoute
from actuator.api.pages.showing import page
from actuator.api.pages.sight import NOT_SEEN
from actuator.api.plan import PlanAnswer
from actuator.api.problems import Problem, Refused, unprocessable
from actuator.api.services import Wired
from actuator.policy.orders import Action

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_MOST_DIGITS = 20
"""Far more than any guest's number has; with thousands Python makes no number of them at all."""

_Field = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class _Choice:
    node: str
    guests: list[GuestView]


@router.get("/move")
async def plan_move(
    viewer: Viewing, services: Wired, parts: Paged, vmid: _Field = "", target_node: _Field = ""
) -> Response:
    """Offer guests and targets; with a guest chosen, tell what would happen."""
    newest = await parts.sight.nodes(parts.look_patience)
    plan, problem, status = None, None, 200
    if vmid:
        try:
            order = _order(vmid, target_node).order(viewer.name)
            plan = PlanAnswer.of(await seen(services.plan(order), services.look_seconds))
        except Refused as refusal:
            problem, status = refusal.problem, refusal.status
    return page(
        "move.html",
        status=status,
        viewer=viewer,
        notice=parts.sessions.tell(viewer.session),
        choices=_choices(newest),
        targets=[] if newest is None else [node.name for node in newest.nodes],
        trouble=NOT_SEEN if newest is None else newest.error,
        vmid=vmid,
        target_node=target_node,
        plan=plan,
        problem=problem,
        mode=services.mode(),
        title="Move a guest",
    )


@router.post("/move")
async def move(form: Ordered, services: Wired) -> Response:
    """Order what was shown, and go where it can be followed."""
    request = _order(form.fields.get("vmid", ""), form.fields.get("target_node", ""))
    answer = await run_in_threadpool(begin_job, request, form.viewer.name, services)
    return RedirectResponse(f"/jobs/{answer.job.id}", status_code=303)


def _order(vmid: str, target_node: str) -> OrderRequest:
    if not vmid.isdecimal() or len(vmid) > _MOST_DIGITS:
        raise Refused(422, Problem(message=f"Choose a guest: {vmid!r} is not the number of one."))
    try:
        return OrderRequest(action=Action.MIGRATE, vmid=int(vmid), target_node=target_node or None)
    except ValidationError as error:
        raise unprocessable("This is no move", error.errors(include_url=False, include_context=False)) from None


def _choices(newest: NodesAnswer | None) -> list[_Choice]:
    nodes = [] if newest is None else newest.nodes
    return [_Choice(node.name, node.guests) for node in nodes if node.guests]
