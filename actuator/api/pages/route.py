"""Routes of pages: whatever goes wrong is a page too, with the same sentence that the API would answer."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from actuator.api.pages.entrance import SIGN_IN, SignInFirst
from actuator.api.pages.showing import page
from actuator.api.problems import Refused, refused, unprocessable
from actuator.errors import StoreUnavailable

log = structlog.get_logger(__name__)

_SIGN_IN_AGAIN = "Your session is over, so nothing was done: sign in, and do it again."
_NO_DATABASE = (
    "The database did not answer, so there is nothing to show and nothing was accepted; try again, and see the "
    "actuator's log."
)


class PageRoute(APIRoute):
    """Turns what a handler raises into a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, so wrapped."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            """Answer with a page, whatever happens."""
            try:
                return await inner(request)
            except SignInFirst:
                # A stream that was sent to another page would be taken for one that may be tried again.
                if request.method == "GET" and "text/event-stream" not in request.headers.get("accept", ""):
                    return RedirectResponse(f"{SIGN_IN}?{urlencode({'to': request.url.path})}", status_code=303)
                return _answer(request, refused(401, _SIGN_IN_AGAIN))
            except Refused as refusal:
                return _answer(request, refusal)
            except RequestValidationError as error:
                return _answer(request, unprocessable("A parameter is wrong", error.errors()))
            except StoreUnavailable as error:
                log.error("store.unavailable", error=str(error))  # noqa: TRY400 - a sentence is enough
                return _answer(request, refused(503, _NO_DATABASE, headers={"Retry-After": "5"}))

        return handler


def _answer(request: Request, refusal: Refused) -> Response:
    request.app.state.services.refusals.note(request, refusal.status, refusal.problem.message)
    return page(
        "refused.html",
        status=refusal.status,
        headers=refusal.headers,
        message=refusal.problem.message,
        sign_in=SIGN_IN if refusal.status == 401 else None,  # noqa: PLR2004 - the status for it
    )
