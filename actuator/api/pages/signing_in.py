"""Signing in with a token, and out again."""

import re

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from actuator.api.access import CHALLENGE
from actuator.api.gate import require
from actuator.api.pages import cookie
from actuator.api.pages.entrance import SIGN_IN, recognised
from actuator.api.pages.forms import fields_of
from actuator.api.pages.parts import Paged, Parts
from actuator.api.pages.route import PageRoute
from actuator.api.pages.showing import page
from actuator.api.problems import Refused
from actuator.api.services import Wired
from actuator.auth import Scope, presented

log = structlog.get_logger(__name__)
router = APIRouter(route_class=PageRoute, include_in_schema=False)

_OURS = re.compile(r"/(jobs/[0-9A-Za-z_-]{1,64}|move)?")
_UNKNOWN = 401


@router.get(SIGN_IN)
async def ask(request: Request, services: Wired, parts: Paged, to: str = "/") -> Response:
    """Ask for a token, unless somebody is signed in already."""
    if recognised(request, services, parts) is not None:
        return RedirectResponse(_ours(to), status_code=303)
    # A browser that follows a link of another site does not send the cookie, whoever is signed in.
    elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    return page("sign_in.html", to=_ours(to), elsewhere=elsewhere, problem=None)


@router.post(SIGN_IN)
async def sign_in(request: Request, services: Wired, parts: Paged) -> Response:
    """Begin a session for whoever brings a token that may look; wrong ones count as they do for the API."""
    fields = await fields_of(request)
    token, to = fields.get("token"), _ours(fields.get("to", "/"))
    peer = request.client.host if request.client else ""
    try:
        holder = services.gate.admit(token, peer, challenge=CHALLENGE)
        require(holder, Scope.READ)
    except Refused as refusal:
        services.refusals.note(request, refusal.status, refusal.problem.message)
        return _asked_again(to, refusal)
    _end_any(request, parts)
    log.info("page.signed_in", requested_by=holder.name, peer=peer)
    answer = RedirectResponse(to, status_code=303)
    cookie.put(answer, request, parts.sessions.begin(presented(token or "")), parts.sessions.lifetime_seconds)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, parts: Paged) -> Response:
    """End the session of this browser; whoever has none is as well served."""
    await fields_of(request)
    _end_any(request, parts)
    answer = RedirectResponse(SIGN_IN, status_code=303)
    cookie.take_back(answer, request)
    return answer


def _end_any(request: Request, parts: Parts) -> None:
    if (key := cookie.key_of(request)) is not None:
        parts.sessions.end(key)


def _asked_again(to: str, refusal: Refused) -> HTMLResponse:
    problem = refusal.problem.message
    if refusal.status == _UNKNOWN:
        problem = (
            "This token is nobody's. The files that hold those that are let in stand under 'tokens' in the "
            "configuration; a file that begins with 'sha256:' holds what a token is compared with, not the token."
        )
    return page("sign_in.html", status=refusal.status, headers=refusal.headers, to=to, elsewhere=False, problem=problem)


def _ours(path: str) -> str:
    """A path of ours; the overview for anything else, so that nobody is sent elsewhere from here."""
    return path if _OURS.fullmatch(path) else "/"
