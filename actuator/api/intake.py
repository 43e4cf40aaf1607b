"""The way in: turns any request, alert or order by hand, into episode, decision and job, in one transaction.

When it returns, everything is on disk; when it raises, nothing is, and the caller may send the same again. Proxmox is
never asked here: what needs its view is decided in preflight and lands on the job.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from actuator.adapters.intake import Intake as Transaction
from actuator.adapters.store import Store
from actuator.api import audited
from actuator.api.verdict import Verdict
from actuator.policy import decide
from actuator.policy.cluster import History
from actuator.policy.decide import Decision
from actuator.policy.episodes import Episode, PowerAlert
from actuator.policy.jobs import Job, JobState
from actuator.policy.orders import Order
from actuator.policy.reasons import Reason
from actuator.policy.rules import Rules

if TYPE_CHECKING:
    from actuator.policy.audit import AuditEntry

log = structlog.get_logger(__name__)


class Intake:
    """Decides on what comes in, and persists it before anybody hears of it."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        *,
        clock: Callable[[], float],
        decided: Callable[[Reason], None],
        notify: Callable[[], None],
    ) -> None:
        """Wire it.

        Args:
            store: Where episodes and jobs are kept.
            rules: What may be done.
            clock: Unix seconds.
            decided: Hears of each decision, once it is persisted.
            notify: Tells the runner that there is work.
        """
        self._store = store
        self._rules = rules
        self._clock = clock
        self._decided = decided
        self._notify = notify

    def adopt(self, rules: Rules) -> None:
        """From now on decide by these."""
        self._rules = rules

    def alerts(self, alerts: Sequence[PowerAlert], *, sent_by: str = "") -> list[Verdict]:
        """Take a notification's alerts, all or none.

        Args:
            alerts: They.
            sent_by: The name of the token that posted them.

        Raises:
            StoreUnavailable: nothing of it was persisted.
        """
        now = self._clock()
        lines: list[AuditEntry] = []
        with self._store.intake() as tx:
            tx.expect((alert.fingerprint, alert.starts_at) for alert in alerts)
            verdicts = []
            for alert in alerts:
                known = tx.episode(alert.fingerprint, alert.starts_at)
                take = self._firing if alert.firing else _resolved
                verdict = take(tx, alert, known, now)
                verdicts.append(verdict)
                lines += audited.about_alert(alert, known, verdict, sent_by=sent_by, now=now)
            tx.record(lines)
        for alert, verdict in zip(alerts, verdicts, strict=True):
            self._tell(verdict, alert.order, alertname=alert.alertname, firing=alert.firing)
        self._notify()
        return verdicts

    def order(self, order: Order) -> Verdict:
        """Take an order by hand.

        Raises:
            StoreUnavailable: it was not persisted.
        """
        now = self._clock()
        with self._store.intake() as tx:
            history = tx.history(now)
            decision = decide.at_intake(order, history, self._rules, now=now, episode_age=None, repeat=False)
            job_id: str | None
            if decision.act:
                job_id = _begin(tx, order, decision, episode_id=None, now=now)
            else:
                job_id = _in_the_way(decision, order, history, episode_id=None)
            verdict = Verdict(decision.reason, decision.message, job_id)
            tx.record(audited.about_order(order, verdict, now=now))
        self._tell(verdict, order)
        self._notify()
        return verdict

    def _firing(self, tx: Transaction, alert: PowerAlert, known: Episode | None, now: float) -> Verdict:
        episode_id = known.id if known else _new_id()
        history = tx.history(now, episode_id=known.id if known else None)  # a new one has begun nothing
        decision = self._decide(alert, history, now=now, repeat=_heard(known))
        tx.put_episode(
            Episode(
                id=episode_id,
                fingerprint=alert.fingerprint,
                starts_at=alert.starts_at,
                alertname=alert.alertname,
                first_seen_at=known.first_seen_at if known else now,
                last_seen_at=now,
                resolved_at=None,  # it fires, whatever we heard before: Prometheus was restarted, say
                reason=decision.reason,
                message=decision.message,
            )
        )
        job_id: str | None = None
        if alert.order is not None:
            if decision.act:
                job_id = _begin(tx, alert.order, decision, episode_id=episode_id, now=now)
            else:
                job_id = _in_the_way(decision, alert.order, history, episode_id=episode_id)
        return Verdict(decision.reason, decision.message, job_id, alert.fingerprint)

    def _decide(self, alert: PowerAlert, history: History, *, now: float, repeat: bool) -> Decision:
        if alert.order is not None:
            age = now - alert.starts_at
            return decide.at_intake(alert.order, history, self._rules, now=now, episode_age=age, repeat=repeat)
        if alert.refusal is None:
            raise ValueError("an alert has either an order or a refusal")
        reason, message = alert.refusal
        return Decision(act=False, reason=reason, message=message)

    def _tell(self, verdict: Verdict, order: Order | None, **facts: object) -> None:
        if verdict.reason is not None:
            self._decided(verdict.reason)
        if order is not None:
            facts |= {
                "action": order.action,
                "node": order.node,
                "vmid": order.vmid,
                "target_node": order.target_node,
                "requested_by": order.requested_by,
            }
        log.info(
            "intake.decided" if verdict.reason else "intake.resolved",
            reason=verdict.reason,
            message=verdict.message,
            job=verdict.job_id,
            fingerprint=verdict.fingerprint,
            **facts,
        )


def _heard(known: Episode | None) -> bool:
    """Whether it was heard of in time: what was stale when it came first does not get younger by repetition."""
    return known is not None and known.reason is not Reason.STALE_ALERT


def _resolved(tx: Transaction, alert: PowerAlert, known: Episode | None, now: float) -> Verdict:
    """Remember that it resolved, and cancel what has not started; a running migration is never interrupted."""
    if known is None:
        return Verdict(None, "Resolved; it was not known here, so there is nothing to cancel.", None, alert.fingerprint)
    tx.put_episode(replace(known, last_seen_at=now, resolved_at=known.resolved_at or now))
    cancelled = tx.cancel_unstarted(known.id, "The alert resolved before a migration was asked for.", now)
    if not cancelled:
        return Verdict(None, "Resolved; there was nothing to cancel.", None, alert.fingerprint)
    message = f"Resolved; cancelled what had asked for no migration yet: {', '.join(cancelled)}."
    return Verdict(None, message, cancelled[0], alert.fingerprint)


def _begin(tx: Transaction, order: Order, decision: Decision, *, episode_id: str | None, now: float) -> str:
    job = Job(
        id=_new_id(),
        order=order,
        state=JobState.QUEUED,
        reason=decision.reason,
        message=decision.message,
        created_at=now,
        updated_at=now,
        episode_id=episode_id,
        vmid=decision.vmid,
        source=decision.source,
        target=decision.target,
    )
    tx.add_job(job, decision.message)
    return job.id


def _in_the_way(decision: Decision, order: Order, history: History, *, episode_id: str | None) -> str | None:
    """Return the live job on whose account nothing new was begun, so that the caller can follow that one."""
    if decision.reason is Reason.DUPLICATE_EPISODE:
        return next((job.id for job in history.live_jobs if job.episode_id == episode_id), None)
    if decision.reason is Reason.IN_FLIGHT and order.vmid is not None:
        return next((job.id for job in history.live_jobs if order.vmid in {job.vmid, job.order.vmid}), None)
    return None


def _new_id() -> str:
    return secrets.token_hex(8)
