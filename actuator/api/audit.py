"""``GET /api/v1/audit``: the audit as JSON lines (https://jsonlines.org), for whoever keeps such things."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from actuator.api.access import caller
from actuator.api.body import schema_of
from actuator.api.services import Wired
from actuator.api.views import utc
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.jobs import Failure, JobState
from actuator.policy.orders import Action
from actuator.policy.reasons import Reason

router = APIRouter(prefix="/api/v1", tags=["audit"], dependencies=[Depends(caller)])

_TYPE = "application/x-ndjson"
_LINES_AT_ONCE = 200
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 12, 31, tzinfo=UTC)


class AuditLine(BaseModel):
    """A line as `AuditEntry` describes it. The names stay as they are; later releases may add some."""

    model_config = ConfigDict(json_schema_extra={"description": inspect.getdoc(AuditEntry)})

    at: datetime
    event: AuditEvent
    requested_by: str
    message: str
    reason: Reason | None
    job_id: str | None
    state: JobState | None
    failure: Failure | None
    action: Action | None
    node: str | None
    vmid: int | None
    target_node: str | None
    dry_run: bool | None
    fingerprint: str | None
    alertname: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Show this entry."""
        values = {name: getattr(entry, name) for name in AuditEntry.__slots__}
        return cls(**{**values, "at": utc(entry.at), "detail": dict(entry.detail)})


@router.get(
    "/audit",
    response_class=StreamingResponse,
    responses={200: {"content": {_TYPE: {"schema": schema_of(AuditLine)}}, "description": "A line an event."}},
)
def export_audit(
    services: Wired,
    since: Annotated[AwareDatetime, Query(description="From here on, as 2026-11-25T00:00:00Z.")] = _BEGINNING,
    until: Annotated[AwareDatetime, Query(description="Up to here, this moment itself not included.")] = _END,
) -> Response:
    """Export who asked for what, what was decided, and every step of every job, in the order of their times.

    An export that breaks off in the middle, as when the database fails, ends without its last chunk, which any client
    takes for an error.
    """
    lines = _chunks(services.store.audit(since.timestamp(), until.timestamp()))
    # The first ones are read before the answer begins, so that a database that fails at once is a 503.
    return StreamingResponse(chain([next(lines, "")], lines), media_type=_TYPE)


def _chunks(entries: Iterator[AuditEntry]) -> Iterator[str]:
    while some := list(islice(entries, _LINES_AT_ONCE)):
        yield "".join(f"{AuditLine.of(entry).model_dump_json()}\n" for entry in some)
