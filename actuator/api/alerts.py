"""``POST /api/v1/alerts``: Alertmanager's webhook."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from actuator.api.access import permitted
from actuator.api.body import documented, parsed
from actuator.api.services import Wired
from actuator.api.verdict import Verdict
from actuator.auth import Scope
from actuator.policy.alertmanager import Webhook, power_alerts

log = structlog.get_logger(__name__)
_sender = permitted(Scope.ALERT)
router = APIRouter(prefix="/api/v1", tags=["alerts"], dependencies=[Depends(_sender)])


class AlertsAnswer(BaseModel):
    """What became of a notification.

    Attributes:
        alerts: One verdict for each of its alerts, in its order.
        warning: What Alertmanager kept back, or None.
    """

    alerts: list[Verdict]
    warning: str | None


@router.post("/alerts", status_code=202, openapi_extra=documented(Webhook))
def receive_alerts(
    webhook: Annotated[Webhook, Depends(parsed(Webhook, "This is no Alertmanager webhook of version 4"))],
    name: Annotated[str, Depends(_sender)],
    services: Wired,
) -> AlertsAnswer:
    """Persist a notification, then answer, then work.

    The answer is 202 for every alert that is understood, also when nothing is done about it: the reason says why.
    Alertmanager repeats a refused notification at each group interval, without end. 503 means that it was not
    persisted, and Alertmanager sends it again.
    """
    verdicts = services.intake.alerts(power_alerts(webhook, requested_by=name), sent_by=name)
    warning = None
    if webhook.truncated_alerts:
        warning = (
            f"Alertmanager kept back {webhook.truncated_alerts} more alerts of this group, resolved ones perhaps "
            "among them: raise 'max_alerts' of its webhook_config, or group by node."
        )
        log.warning("alerts.truncated", message=warning, truncated=webhook.truncated_alerts, requested_by=name)
    return AlertsAnswer(alerts=verdicts, warning=warning)
