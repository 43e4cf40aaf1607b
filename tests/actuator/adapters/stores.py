"""Stores on real SQLite files and PostgreSQL schemas, and intakes as the webhook makes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.adapters import quarantines
from actuator.adapters.store import Store
from actuator.policy.decide import at_intake
from actuator.policy.episodes import Episode
from actuator.policy.reasons import Reason
from tests.actuator.policy.samples import NOW, ORDER, RULES, job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actuator.policy.jobs import Job
    from actuator.policy.orders import Order


def url(path: Path) -> str:
    """The database URL of a file."""
    return f"sqlite:///{path}"


@contextmanager
def opened(where: Path | str, *, busy_seconds: float = 30.0) -> Iterator[Store]:
    """A store on this SQLite file, or the database of this URL, with its tables; closed in the end."""
    store = Store.open(where if isinstance(where, str) else url(where), busy_seconds=busy_seconds)
    try:
        store.upgrade()
        yield store
    finally:
        store.close()


@contextmanager
def elsewhere(path: Path) -> Iterator[sqlite3.Connection]:
    """The same file through Python's own driver, as another program would open it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def episode(episode_id: str = "e1", **changes: object) -> Episode:
    """One episode, with changes."""
    plain = Episode(
        id=episode_id,
        fingerprint="f00d",
        starts_at=NOW - 60.25,
        alertname="NodePowerHigh",
        first_seen_at=NOW,
        last_seen_at=NOW,
        resolved_at=None,
        reason=Reason.ACCEPTED,
        message="Accepted.",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # as given by the test


def add(store: Store, *jobs: Job) -> None:
    """Write jobs in one transaction."""
    with store.intake() as tx:
        for each in jobs:
            tx.add_job(each, "begun")


def quarantine(store: Store, node: str, why: str, now: float = NOW) -> None:
    """Give up a node, as the leader does when it did not join."""
    with store.database.writing() as conn:
        quarantines.put(conn, node, why, now)


def receive(store: Store, order: Order = ORDER, *, fingerprint: str = "f00d", own_id: str) -> Reason:
    """Take one alert in as the webhook does; ``own_id`` becomes the id of what is new."""
    with store.intake() as tx:
        known = tx.episode(fingerprint, NOW)
        found = known or episode(own_id, fingerprint=fingerprint, starts_at=NOW)
        history = tx.history(NOW, found.id)
        decision = at_intake(order, history, RULES, now=NOW, episode_age=0, repeat=known is not None)
        tx.put_episode(replace(found, reason=decision.reason, message=decision.message))
        if decision.act:
            tx.add_job(job(own_id, order, episode_id=found.id, vmid=decision.vmid), decision.message)
    return decision.reason
