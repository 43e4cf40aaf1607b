"""The way in of the store: one transaction in which a request is known, decided and written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, insert, select, update

from actuator.adapters import audit, codec, queries
from actuator.adapters.tables import episodes, jobs
from actuator.policy.jobs import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actuator.policy.audit import AuditEntry
    from actuator.policy.cluster import History
    from actuator.policy.episodes import Episode
    from actuator.policy.jobs import Job

# Built once: a storm of alerts spends more time on building statements than on running them.
_SAME = select(episodes).where(episodes.c.fingerprint == bindparam("f"), episodes.c.starts_at == bindparam("s"))
_UPDATE = update(episodes).where(episodes.c.id == bindparam("which"))
_UNASKED = queries.LIVE.where(jobs.c.episode_id == bindparam("episode"), jobs.c.cancel_requested.is_(False))


class Intake:
    """What `Store.intake` hands out; holds only until its ``with`` block ends.

    All of a webhook body belongs into one block. Then the answer tells the truth about every alert in it: either all
    are on disk with their decisions, or none is and Alertmanager's retry finds nothing half done. A retry after a lost
    answer finds the episodes known, which makes it a repeat.
    """

    def __init__(self, connection: Connection) -> None:
        self._conn = connection
        # Read once for a body of a thousand alerts and kept up with our own writes: nobody else can write meanwhile.
        self._history: tuple[float, History] | None = None

    def episode(self, fingerprint: str, starts_at: float) -> Episode | None:
        """The episode with this identity, or None when it is new."""
        row = self._conn.execute(_SAME, {"f": fingerprint, "s": starts_at}).mappings().first()
        return None if row is None else codec.episode_from_row(row)

    def put_episode(self, episode: Episode) -> None:
        """Insert it, or update the one with its id."""
        values = codec.episode_to_row(episode)
        if self._conn.execute(_UPDATE, values | {"which": episode.id}).rowcount == 0:
            self._conn.execute(insert(episodes), values)

    def history(self, now: float, episode_id: str | None = None) -> History:
        """What a decision needs to remember; nobody else can write between this read and the block's end."""
        if self._history is None or self._history[0] != now:
            self._history = now, queries.read_history(self._conn, now)
        return queries.of_episode(self._conn, self._history[1], episode_id)

    def add_job(self, job: Job, message: str) -> None:
        """Write a new job and the first line of its history. Its episode must be put before.

        Raises:
            GuestInFlight: A live job has the guest; nothing was added, the block may go on.
            ValueError: The job's fields contradict each other.
        """
        queries.check(job)
        migrating_at = job.updated_at if job.state is JobState.MIGRATING else None
        own = {"cancel_requested": job.cancel_requested, "migrating_at": migrating_at}
        with queries.one_live_job_per_guest(self._conn, job.vmid):
            self._conn.execute(insert(jobs), codec.job_to_row(job) | own)
        queries.add_event(self._conn, job, message, {})
        if self._history is not None:
            now, history = self._history
            # One that is over may be a move or a failure, which are counted by query.
            self._history = (now, replace(history, live_jobs=(*history.live_jobs, job))) if job.live else None

    def record(self, entries: Iterable[AuditEntry]) -> None:
        """Write lines of the audit."""
        audit.add(self._conn, entries)

    def cancel_unstarted(self, episode_id: str, message: str, now: float) -> list[str]:
        """Ask the episode's jobs to stop for which no migration was asked yet; returns the ids of those newly asked."""
        unasked = [codec.job_from_row(row) for row in self._conn.execute(_UNASKED, {"episode": episode_id}).mappings()]
        asked = {job.id: queries.request_cancel(self._conn, job.id, message, now) for job in unasked if _unstarted(job)}
        if asked and self._history is not None:
            read_at, history = self._history
            live_jobs = tuple(asked.get(job.id) or job for job in history.live_jobs)
            self._history = read_at, replace(history, live_jobs=live_jobs)
        return list(asked)


def _unstarted(job: Job) -> bool:
    """Whether surely nobody asked Proxmox to migrate: what was asked for is never interrupted."""
    return job.state is not JobState.VERIFYING and job.checkpoint.known_upids is None
