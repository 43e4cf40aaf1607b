"""What the actuator's own memory forbids: pause, breaker, repeats, work in flight, rest and daily limit of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.policy.orders import Action
from actuator.policy.reasons import Reason
from actuator.policy.refusal import Refusal

if TYPE_CHECKING:
    from actuator.policy.cluster import History
    from actuator.policy.jobs import Job
    from actuator.policy.orders import Order
    from actuator.policy.rules import Rules

BY_HAND_SECONDS = 86400.0
"""How long an order by hand holds: a person gave it, and a queue of long migrations may well take the day."""


def outlived(age: float, rules: Rules, *, by_hand: bool) -> Refusal | None:
    """Whether an order for which nothing could be done yet may hold no more.

    Args:
        age: Seconds since it was given, or since the alert was last heard of.
        rules: How long an alert holds.
        by_hand: A person gave it, not an alert.
    """
    longest, setting = (
        (BY_HAND_SECONDS, "") if by_hand else (rules.alert_max_age_seconds, "limits.alert_max_age_seconds")
    )
    if age <= longest:
        return None
    more = f"more than {setting} allows" if setting else f"more than the {longest:.0f} s for which one holds"
    return Refusal(
        Reason.STALE_ALERT,
        f"The order is {age:.0f} s old, {more}, and no migration has come of it: see whether it still holds, and order "
        f"the move by hand if it does.",
    )


def switched_off(history: History, rules: Rules, now: float) -> Refusal | None:
    """The operator's pause, or the breaker after repeated failures."""
    if history.paused is not None:
        return Refusal(Reason.PAUSED, f"Work is paused ({history.paused}); resume it with POST /api/v1/resume.")
    failures = history.recent_failures
    if not failures or len(failures) < rules.breaker_failures:
        return None
    left = failures[-1] + rules.breaker_seconds - now
    if left <= 0:
        return None
    return Refusal(
        Reason.BREAKER_OPEN,
        f"The last {len(failures)} jobs failed, so nothing new is begun for another {left:.0f} s; see why they failed "
        f"(GET /api/v1/jobs), then close the breaker with POST /api/v1/resume, or wait.",
    )


def repeated(order: Order, history: History, rules: Rules) -> Refusal | None:
    """Whether the episode has had what it may have: Alertmanager repeats what still fires, which is no new order."""
    if history.episode_live:
        return Refusal(Reason.DUPLICATE_EPISODE, "A job of this alert is at work already; nothing to do.")
    if not history.episode_jobs:
        return None
    if order.action is Action.WAKE or order.vmid is not None:
        return Refusal(
            Reason.DUPLICATE_EPISODE,
            "A job was begun for this alert before and a repeat is no new order; to try again, order it by hand "
            "with POST /api/v1/jobs.",
        )
    if history.episode_jobs >= rules.episode_limit:
        return Refusal(
            Reason.DUPLICATE_EPISODE,
            f"This alert has begun {history.episode_jobs} jobs, its limit; see why power is still high, or raise "
            f"limits.per_episode.",
        )
    return None


def in_flight(order: Order, history: History) -> Refusal | None:
    """A live job that does, or makes needless, what the order asks for."""
    for job in history.live_jobs:
        if job.order.dry_run or job.order.action is not order.action:
            continue
        if order.action is Action.WAKE:
            if wake_target(job.order) == wake_target(order):
                return Refusal(
                    Reason.IN_FLIGHT, f"Job {job.id} is waking node {wake_target(order)} already; follow it."
                )
        elif order.vmid is not None:
            if order.vmid in {job.vmid, job.order.vmid}:
                return guest_in_flight(order.vmid, job)
        elif order.node in {job.source, job.order.node}:
            # The watts fall once that guest is gone; if they do not, the alert comes again.
            return Refusal(
                Reason.IN_FLIGHT,
                f"Job {job.id} is moving a guest away from {order.node} already; the next follows if the alert stays.",
            )
    return None


def resting(vmid: int, history: History, rules: Rules, now: float) -> Refusal | None:
    """A guest's cooldown and its daily limit."""
    moved_at = history.last_moved_at.get(vmid)
    if moved_at is not None and now < moved_at + rules.cooldown_seconds:
        left = moved_at + rules.cooldown_seconds - now
        return Refusal(
            Reason.COOLDOWN,
            f"Guest {vmid} was moved a short while ago and rests for another {left:.0f} s (limits.cooldown_seconds).",
        )
    moves = history.moves_last_day.get(vmid, 0)
    if moves and moves >= rules.daily_limit:
        return Refusal(
            Reason.DAILY_LIMIT,
            f"Guest {vmid} was moved {moves} times in 24 hours, its limit; see why its power keeps coming back, or "
            f"raise limits.daily_per_guest.",
        )
    return None


def guest_in_flight(vmid: int, job: Job) -> Refusal:
    """The guest has a live job."""
    return Refusal(Reason.IN_FLIGHT, f"Guest {vmid} has a live job already, {job.id}; follow it, or cancel it first.")


def wake_target(order: Order) -> str | None:
    """The node that a wake order is about."""
    return order.target_node or order.node
