"""Which lines the audit gets of what comes in.

A repeat that is decided as before gets none, since Alertmanager repeats a firing alert for as long as it fires. Nor
does a caller who is not let in: any stranger could fill the disk. Those are counted and logged, see
`actuator.api.refusals`.
"""

from typing import Any

from actuator.api.verdict import Verdict
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.episodes import Episode, PowerAlert
from actuator.policy.orders import Order
from actuator.policy.reasons import Reason


def about_alert(
    alert: PowerAlert, known: Episode | None, verdict: Verdict, *, sent_by: str, now: float
) -> list[AuditEntry]:
    """The lines about an alert.

    Args:
        alert: It.
        known: What was remembered of it before.
        verdict: What became of it now.
        sent_by: The name of the token that posted it.
        now: Unix seconds.
    """
    if alert.firing:
        event, news = AuditEvent.ALERT_DECIDED, known is None or known.reason is not verdict.reason
    else:
        event, news = AuditEvent.ALERT_RESOLVED, known is not None and known.resolved_at is None
    if not news:
        return []
    return [
        AuditEntry(
            now,
            event,
            sent_by,
            verdict.message,
            reason=verdict.reason,
            job_id=verdict.job_id,
            fingerprint=alert.fingerprint,
            alertname=alert.alertname,
            **_asked(alert.order),
        )
    ]


def about_order(order: Order, verdict: Verdict, *, now: float) -> list[AuditEntry]:
    """The lines about an order by hand; one that is accepted shows as its job."""
    if verdict.reason is Reason.ACCEPTED:
        return []
    return [
        AuditEntry(
            now,
            AuditEvent.ORDER_REFUSED,
            order.requested_by,
            verdict.message,
            reason=verdict.reason,
            job_id=verdict.job_id,
            **_asked(order),
        )
    ]


def _asked(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {}
    return {
        "action": order.action,
        "node": order.node,
        "vmid": order.vmid,
        "target_node": order.target_node,
        "dry_run": order.dry_run,
    }
