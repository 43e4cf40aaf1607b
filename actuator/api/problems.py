"""One shape for every error answer: a sentence for a person, and the details where there are several.

::

    {"message": "This is no webhook of version 4: alerts.0.fingerprint: Field required.", "reason": null,
     "details": [{"field": "alerts.0.fingerprint", "problem": "Field required"}]}

Values of the request are never repeated in it, since Alertmanager logs the answers it gets. Each
one is counted and logged on its way out: see `actuator.api.refusals`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from actuator.api.headers import protective
from actuator.errors import StoreUnavailable
from actuator.policy.reasons import Reason

log = structlog.get_logger(__name__)


class Detail(BaseModel):
    """One thing that is wrong.

    Attributes:
        field: Where, as a path such as ``alerts.0.labels``.
        problem: What was expected there.
    """

    field: str
    problem: str


class Problem(BaseModel):
    """The body of every error answer.

    Attributes:
        message: A sentence that says what to do.
        reason: The decision's name, when it was a decision.
        details: Each single thing that is wrong, when it is the request's fields.
    """

    message: str
    reason: Reason | None = None
    details: list[Detail] = []


class Refused(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, problem: Problem, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem
        self.headers = headers


def refused(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> Refused:
    """Return a refusal that is one sentence."""
    return Refused(status, Problem(message=message), headers=headers)


def unprocessable(what: str, findings: Sequence[Mapping[str, Any]]) -> Refused:
    """Return the refusal (422) of a request whose fields are wrong.

    Args:
        what: The beginning of the sentence.
        findings: pydantic's, as of ``ValidationError.errors()``.
    """
    details = [
        Detail(
            field=".".join(str(part) for part in finding["loc"]),
            problem=str(finding["msg"]).removeprefix("Value error, ").replace("Input should be", "expected"),
        )
        for finding in findings
    ]
    first = ": ".join(part for part in (details[0].field, details[0].problem) if part)
    more = f" ({len(details) - 1} more under details)" if len(details) > 1 else ""
    return Refused(422, Problem(message=f"{what}: {first}{more}.", details=details))


def install(app: FastAPI) -> None:
    """Make every error that a request can end in answer in this shape."""

    @app.exception_handler(Refused)
    async def _(request: Request, error: Refused) -> JSONResponse:
        return _answer(request, error)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        return _answer(
            request, refused(error.status_code, f"{error.detail}; /docs lists every call.", headers=error.headers)
        )

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(request, unprocessable("A parameter is wrong", error.errors()))

    @app.exception_handler(StoreUnavailable)
    async def _(request: Request, error: StoreUnavailable) -> JSONResponse:
        log.error("store.unavailable", error=str(error))
        message = "The database did not answer, so nothing was accepted; send it again, and see the actuator's log."
        return _answer(request, refused(503, message, headers={"Retry-After": "5"}))

    @app.exception_handler(Exception)
    async def _(request: Request, _error: Exception) -> JSONResponse:
        # Re-raised by Starlette after this answer, so that the server logs the traceback. The answer goes out beside
        # every middleware, so what each of them would add is added here.
        message = "A defect of the actuator; its log has the traceback. Please report it."
        return _answer(request, refused(500, message, headers=protective(request.scope)))


def _answer(request: Request, error: Refused) -> JSONResponse:
    request.app.state.services.refusals.note(request, error.status, error.problem.message)
    headers = dict(error.headers) if error.headers else None
    return JSONResponse(error.problem.model_dump(mode="json"), status_code=error.status, headers=headers)
