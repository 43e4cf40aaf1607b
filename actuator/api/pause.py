"""``POST /api/v1/pause`` and ``/resume``: the kill switch."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, StringConstraints

from actuator.api.access import Caller, caller
from actuator.api.body import documented, parsed
from actuator.api.services import Wired
from actuator.policy.audit import AuditEntry, AuditEvent

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1", tags=["pause"], dependencies=[Depends(caller)])


class PauseRequest(BaseModel):
    """Why nothing new shall begin.

    Attributes:
        reason: A sentence, shown wherever something is refused on account of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class PauseAnswer(BaseModel):
    """Whether work is paused.

    Attributes:
        paused: Why, or null when it is not.
    """

    paused: str | None


@router.post("/pause", openapi_extra=documented(PauseRequest))
def pause(
    request: Annotated[PauseRequest, Depends(parsed(PauseRequest, 'Say why, as {"reason": "maintenance of pve2"}'))],
    name: Caller,
    services: Wired,
) -> PauseAnswer:
    """Begin nothing new until resumed, also across restarts.

    A migration that was asked for goes on; jobs before that wait.
    """
    why = f"{request.reason} ({name})"
    now = services.clock()
    services.store.pause(why, now, AuditEntry(now, AuditEvent.PAUSED, name, f"Paused: {request.reason}"))
    log.warning("actuator.paused", reason=request.reason, requested_by=name)
    return PauseAnswer(paused=why)


@router.post("/resume")
def resume(name: Caller, services: Wired) -> PauseAnswer:
    """End the pause."""
    now = services.clock()
    services.store.resume(
        now, AuditEntry(now, AuditEvent.RESUMED, name, "The pause was ended, and the breaker closed.")
    )
    log.warning("actuator.resumed", requested_by=name)
    services.worker.notify()
    return PauseAnswer(paused=None)
