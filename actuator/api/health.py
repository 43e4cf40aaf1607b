"""``/-/healthy``, ``/-/ready`` and ``/metrics``: open to everybody, as is the habit of the ecosystem.

Probes and scrapers come without a token, and what they see names no guest and no address beyond the nodes' names. With
``web.open_probes: false`` they have to bring one that may read.
"""

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel

from actuator.api.access import probe
from actuator.api.problems import refused
from actuator.api.services import Wired
from actuator.policy.rules import Mode

router = APIRouter(tags=["health"], dependencies=[Depends(probe)])


class Readiness(BaseModel):
    """What a ready actuator is up to.

    Attributes:
        leading: Whether this process does the jobs; another one does when it is false.
        paused: Why nothing new begins, or null.
        mode: Observe or act.
    """

    leading: bool
    paused: str | None
    mode: Mode


@router.get("/-/healthy")
async def healthy(services: Wired) -> dict[str, str]:
    """Tell that the process serves and works: 503 when only a restart helps."""
    if not services.worker.alive:
        raise refused(
            503, "Alerts are still taken in, but no jobs are done any more: restart the actuator; its log says why."
        )
    return {"status": "healthy"}


@router.get("/-/ready")
def ready(services: Wired) -> Readiness:
    """Tell that the database can be read and takes writes: 503 when it does not."""
    services.store.check_writable()
    return Readiness(leading=services.leading(), paused=services.store.paused(), mode=services.mode())


@router.get("/metrics", response_class=Response)
def metrics(request: Request, services: Wired) -> Response:
    """Show the metrics, in the format that the scraper asks for."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(services.registry), headers={"Content-Type": content_type})
