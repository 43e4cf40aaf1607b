"""Who may make a call: dependencies for routers; each asks before anything else is looked at.

A router that says nothing but `caller` is safe: what looks takes the scope read, what changes takes operate.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from actuator.api.gate import require
from actuator.api.problems import Problem
from actuator.api.services import Wired
from actuator.auth import Scope

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "No token, or nobody's."},
    403: {"model": Problem, "description": "The token lacks the scope."},
    429: {"model": Problem, "description": "Too many wrong tokens from this address."},
}
"""How a call that asks for a token may end on that account, for the OpenAPI document."""

_LOOKING = {"GET", "HEAD"}
CHALLENGE: Final = 'Bearer realm="wattshift"'
"""What ``WWW-Authenticate`` says to those who are not let in; a browser asks nobody for a password on its account."""

_bearer = HTTPBearer(auto_error=False, description="A token of one of the files under `tokens`.")
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def permitted(scope: Scope | None = None) -> Callable[..., Awaitable[str]]:
    """Return a dependency that lets in who holds this scope, and gives the token's name.

    Args:
        scope: What it takes; None for read when the call looks, and operate when it changes something.
    """

    async def dependency(request: Request, services: Wired, credentials: _Bearer) -> str:
        """Return the name of the token that calls.

        Raises:
            Refused: 401, 403 or 429.
        """
        token = credentials.credentials if credentials else None
        return _enter(request, services, token, scope or _usual(request))

    return dependency


caller = permitted()
Caller = Annotated[str, Depends(caller)]


async def probe(request: Request, services: Wired) -> None:
    """Let in probes and scrapers: everybody, unless the configuration says otherwise.

    The OpenAPI document does not ask for a token here, since as a rule none is needed.

    Raises:
        Refused: 401, 403 or 429.
    """
    if not services.gate.open_probes:
        credentials = await _bearer(request)
        token = credentials.credentials if credentials else None
        _enter(request, services, token, Scope.READ)


def _usual(request: Request) -> Scope:
    return Scope.READ if request.method in _LOOKING else Scope.OPERATE


def _enter(request: Request, services: Wired, token: str | None, scope: Scope) -> str:
    peer = request.client.host if request.client else ""
    holder = services.gate.admit(token, peer, challenge=CHALLENGE)
    request.state.caller = holder.name  # for the log, should the request be refused after all
    require(holder, scope)
    return holder.name
