"""The way in of the store: one transaction in which a request is known, decided and written.

A body of a thousand alerts costs a handful of statements: what its alerts need is read at once, what they decide is
kept here and written at the end. Nobody else can write meanwhile, so what was read stays true but for our own writes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from actuator.adapters import audit, codec, queries
from actuator.adapters.tables import clean, episodes, job_events, jobs
from actuator.errors import GuestInFlight
from actuator.policy.jobs import JobState
from actuator.policy.orders import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actuator.policy.audit import AuditEntry
    from actuator.policy.cluster import History
    from actuator.policy.episodes import Episode
    from actuator.policy.jobs import Job

# Built once: a storm of alerts spends more time on building statements than on running them.
_SAME = select(episodes).where(episodes.c.fingerprint.in_(bindparam("fingerprints", expanding=True)))
_UNASKED = queries.LIVE.where(jobs.c.episode_id == bindparam("episode"), jobs.c.cancel_requested.is_(False))
_NEWER = {column.name for column in episodes.columns} - {"id"}
_PUT = {
    name: (into := inserted(episodes)).on_conflict_do_update(
        index_elements=[episodes.c.id], set_={name: into.excluded[name] for name in _NEWER}
    )
    for name, inserted in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_AT_ONCE = 500
"""Values in one statement: some SQLite builds take no more than 999."""


class Intake:
    """What `Store.intake` hands out; holds only until its ``with`` block ends.

    All of a webhook body belongs into one block. Then the answer tells the truth about every alert in it: either all
    are on disk with their decisions, or none is and Alertmanager's retry finds nothing half done. A retry after a lost
    answer finds the episodes known, which makes it a repeat.
    """

    def __init__(self, connection: Connection) -> None:
        self._conn = connection
        self._known: dict[tuple[str, float], Episode | None] = {}
        self._begun: dict[str, int] = {}
        self._history: tuple[float, History] | None = None  # but for its live jobs
        self._live: dict[str, Job] | None = None
        self._live_episodes: set[str | None] = set()
        # What is to be written: episodes by id, jobs with the first lines of their histories.
        self._episodes: dict[str, Episode] = {}
        self._jobs: list[dict[str, object]] = []
        self._events: list[dict[str, object]] = []

    def expect(self, identities: Iterable[tuple[str, float]]) -> None:
        """Read at once what will be asked for one by one: the episodes of (fingerprint, startsAt) and their jobs."""
        cleaned = dict.fromkeys((clean(fingerprint), starts_at) for fingerprint, starts_at in identities)
        wanted = [identity for identity in cleaned if identity not in self._known]
        for some in _portions(wanted):
            self._known.update(dict.fromkeys(some))
            self._read_episodes({fingerprint for fingerprint, _ in some})
        known = [found.id for identity in wanted if (found := self._known[identity]) is not None]
        for ids in _portions(known):
            self._begun.update(dict.fromkeys(ids, 0) | queries.begun(self._conn, ids))

    def episode(self, fingerprint: str, starts_at: float) -> Episode | None:
        """The episode with this identity, or None when it is new."""
        self.expect([(fingerprint, starts_at)])
        return self._known[clean(fingerprint), starts_at]

    def put_episode(self, episode: Episode) -> None:
        """Insert it, or update the one with its id."""
        identity = clean(episode.fingerprint), episode.starts_at
        before = self._known.get(identity)
        if before is None or (before.resolved_at is None) != (episode.resolved_at is None):
            self._begun.pop(episode.id, None)  # what was cancelled counts by whether the alert still fires
        self._known[identity] = episode
        self._episodes[episode.id] = episode

    def history(self, now: float, episode_id: str | None = None) -> History:
        """What a decision needs to remember; nobody else can write between this read and the block's end."""
        if self._history is None or self._history[0] != now:
            self._flush()
            found = queries.read_history(self._conn, now)
            self._history = now, found
            self._remember(found.live_jobs)
        live = self._live_jobs()
        history = replace(self._history[1], live_jobs=tuple(live.values()))
        if episode_id is None:
            return history
        if episode_id not in self._begun:
            self._flush()
            self._begun[episode_id] = queries.begun(self._conn, [episode_id]).get(episode_id, 0)
        return replace(history, episode_jobs=self._begun[episode_id], episode_live=episode_id in self._live_episodes)

    def add_job(self, job: Job, message: str) -> None:
        """Write a new job and the first line of its history. Its episode must be put before.

        Raises:
            GuestInFlight: A live job has the guest; nothing was added, the block may go on.
            ValueError: The job's fields contradict each other.
        """
        queries.check(job)
        live = self._live_jobs()
        if job.vmid is not None and _occupies(job) and any(map(_occupies, _of_guest(live.values(), job.vmid))):
            raise GuestInFlight(job.vmid)
        migrating_at = job.updated_at if job.state is JobState.MIGRATING else None
        own = {"cancel_requested": job.cancel_requested, "migrating_at": migrating_at}
        self._jobs.append(codec.job_to_row(job) | own)
        self._events.append(queries.event_row(job, message, {}))
        if job.live:
            live[job.id] = job
            self._live_episodes.add(job.episode_id)
        else:
            self._history = None  # it may be a move or a failure, which are counted by query
        if job.episode_id is not None:
            self._begun.pop(job.episode_id, None)

    def record(self, entries: Iterable[AuditEntry]) -> None:
        """Write lines of the audit."""
        audit.add(self._conn, entries)

    def cancel_unstarted(self, episode_id: str, message: str, now: float) -> list[str]:
        """Ask the episode's jobs to stop for which no migration was asked yet; returns the ids of those newly asked."""
        live = self._live_jobs()
        if episode_id not in self._live_episodes:
            return []
        self._flush()
        unasked = [codec.job_from_row(row) for row in self._conn.execute(_UNASKED, {"episode": episode_id}).mappings()]
        asked = {job.id: queries.request_cancel(self._conn, job.id, message, now) for job in unasked if _unstarted(job)}
        live.update({job_id: job for job_id, job in asked.items() if job is not None})
        return list(asked)

    def finish(self) -> None:
        """Write what is left; for `Store.intake`, at the end of the block."""
        self._flush()

    def _flush(self) -> None:
        if self._episodes:
            rows = [codec.episode_to_row(episode) for episode in self._episodes.values()]
            self._conn.execute(_PUT[self._conn.dialect.name], rows)
            self._episodes.clear()
        if self._jobs:
            self._conn.execute(insert(jobs), self._jobs)
            self._conn.execute(insert(job_events), self._events)
            queries.announce(self._conn)
            self._jobs.clear()
            self._events.clear()

    def _read_episodes(self, fingerprints: set[str]) -> None:
        for row in self._conn.execute(_SAME, {"fingerprints": list(fingerprints)}).mappings():
            found = codec.episode_from_row(row)
            identity = found.fingerprint, found.starts_at
            if identity in self._known:
                self._known[identity] = found

    def _live_jobs(self) -> dict[str, Job]:
        if self._live is None:
            rows = self._conn.execute(queries.LIVE).mappings()
            return self._remember(map(codec.job_from_row, rows))
        return self._live

    def _remember(self, jobs: Iterable[Job]) -> dict[str, Job]:
        live = self._live = {job.id: job for job in jobs}
        self._live_episodes = {job.episode_id for job in live.values()}
        return live


def _portions(values: list[Any]) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _of_guest(live: Iterable[Job], vmid: int) -> Iterator[Job]:
    return (job for job in live if job.vmid == vmid)


def _occupies(job: Job) -> bool:
    """Whether nothing else may be done with its guest meanwhile, as the unique index one_live_job_per_guest says."""
    return job.live and job.order.action is Action.MIGRATE and not job.order.dry_run


def _unstarted(job: Job) -> bool:
    """Whether surely nobody asked Proxmox to migrate: what was asked for is never interrupted."""
    return job.state is not JobState.VERIFYING and job.checkpoint.known_upids is None
