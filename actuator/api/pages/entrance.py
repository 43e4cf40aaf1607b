"""Who may open a page: whoever is signed in with a token that may look."""

from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request

from actuator.api.gate import require
from actuator.api.pages import cookie
from actuator.api.pages.parts import Paged, Parts
from actuator.api.pages.sessions import Session
from actuator.api.services import Services, Wired
from actuator.auth import Holder, Scope


class SignInFirst(Exception):
    """Nobody is signed in here, or not any more."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page.

    Attributes:
        holder: Whose token they signed in with, and what it is good for at present.
        session: Theirs.
    """

    holder: Holder
    session: Session = field(repr=False)

    @property
    def name(self) -> str:
        """How they appear in jobs, logs and the audit."""
        return self.holder.name

    @property
    def may_operate(self) -> bool:
        """Whether they may do something, and not look alone."""
        return self.holder.may(Scope.OPERATE)


def recognised(request: Request, services: Services, parts: Parts) -> Viewer | None:
    """Return who is signed in; None when nobody is, the session is over, or its token is nobody's any more.

    No throttle stands here: a session's key has 256 random bits, and nobody guesses that.
    """
    key = cookie.key_of(request)
    session = None if key is None else parts.sessions.find(key)
    holder = None if session is None else services.gate.tokens.holder_of(session.token_digest)
    return None if session is None or holder is None else Viewer(holder, session)


async def viewer(request: Request, services: Wired, parts: Paged) -> Viewer:
    """Let in who is signed in.

    Raises:
        SignInFirst: Nobody is.
        Refused: 403: the token may not look, any more.
    """
    found = recognised(request, services, parts)
    if found is None:
        raise SignInFirst
    request.state.caller = found.name  # for the log, should the request be refused after all
    require(found.holder, Scope.READ)
    return found


Viewing = Annotated[Viewer, Depends(viewer)]

SIGN_IN: Final = "/sign-in"
"""Where a token is taken."""
