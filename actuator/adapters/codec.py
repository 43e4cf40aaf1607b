"""Rows and JSON to the policy's types and back, without loss."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from actuator.errors import StoreUnavailable
from actuator.policy.episodes import Episode
from actuator.policy.jobs import Checkpoint, Failure, Job, JobEvent, JobState, MoveWatts, Outcome, Progress
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping


# Orders and checkpoints are immutable, and a body reads all live jobs anew, most of which are as they were.
_REMEMBERED = 4096


def dump(value: Mapping[str, object]) -> str:
    """JSON text of plain values; ASCII, so that any string survives; no NaN, which is not JSON.

    Raises:
        TypeError: Something in it has no JSON form.
        ValueError: A number in it is not finite.
    """
    return json.dumps(dict(value), separators=(",", ":"), allow_nan=False)


def order_to_json(order: Order) -> str:
    """The order as JSON."""
    return dump({name: getattr(order, name) for name in Order.__slots__})


@lru_cache(maxsize=_REMEMBERED)
def order_from_json(text: str) -> Order:
    """The order again; a field that an older release did not write has its default, one of a newer is passed over."""
    fields = _of(Order, json.loads(text))
    return Order(**{**fields, "action": Action(fields["action"])})


def checkpoint_to_json(checkpoint: Checkpoint) -> str:
    """The checkpoint as JSON."""
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    fields["stages"] = dict(checkpoint.stages)
    for name in ("progress", "outcome", "watts"):
        part = fields[name]
        fields[name] = None if part is None else {key: getattr(part, key) for key in part.__slots__}
    return dump(fields)


@lru_cache(maxsize=_REMEMBERED)
def checkpoint_from_json(text: str) -> Checkpoint:
    """The checkpoint again; a field that an older release did not write has its default, one of a newer is left out.

    While two actuators are upgraded one after the other, the older one reads what the newer one wrote.
    """
    fields = _of(Checkpoint, json.loads(text))
    for name, kind in (
        ("known_upids", tuple),
        ("progress", _progress),
        ("outcome", _outcome),
        ("watts", _watts),
    ):
        if fields.get(name) is not None:
            fields[name] = kind(fields[name])
    return Checkpoint(**fields)


def _of(kind: type, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in kind.__slots__}  # type: ignore[attr-defined]


def _progress(fields: Mapping[str, Any]) -> Progress:
    return Progress(**_of(Progress, fields))


def _outcome(fields: Mapping[str, Any]) -> Outcome:
    return Outcome(**_of(Outcome, fields))


def _watts(fields: Mapping[str, Any]) -> MoveWatts:
    return MoveWatts(**_of(MoveWatts, fields))


_PLAIN = (
    "id",
    "message",
    "created_at",
    "updated_at",
    "episode_id",
    "vmid",
    "source",
    "target",
    "guest_node",
    "finished_at",
)


def job_to_row(job: Job) -> dict[str, object]:
    """The columns of a job that its leader writes: all but ``cancel_requested`` and ``migrating_at``."""
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "action": job.order.action.value,
        "dry_run": job.order.dry_run,
        "order_json": order_to_json(job.order),
        "state": job.state.value,
        "reason": job.reason.value,
        "failure": None if job.failure is None else job.failure.value,
        "checkpoint_json": checkpoint_to_json(job.checkpoint),
    }


def job_from_row(row: RowMapping) -> Job:
    """The job again.

    Raises:
        StoreUnavailable: The row holds what no release ever wrote.
    """
    try:
        return Job(
            **{name: row[name] for name in _PLAIN},
            order=order_from_json(row["order_json"]),
            state=JobState(row["state"]),
            reason=Reason(row["reason"]),
            failure=None if row["failure"] is None else Failure(row["failure"]),
            cancel_requested=row["cancel_requested"],
            checkpoint=checkpoint_from_json(row["checkpoint_json"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StoreUnavailable(
            f"job {row['id']} in the database cannot be read ({error}): "
            f"the file is damaged; stop the actuator and restore a backup or move the file away"
        ) from error


def event_from_row(row: RowMapping) -> JobEvent:
    """One line of a job's history."""
    return JobEvent(
        id=row["id"],
        job_id=row["job_id"],
        at=row["at"],
        state=JobState(row["state"]),
        message=row["message"],
        detail=json.loads(row["detail_json"]),
    )


def episode_to_row(episode: Episode) -> dict[str, object]:
    """The columns of an episode."""
    return {name: getattr(episode, name) for name in Episode.__slots__} | {"reason": episode.reason.value}


def episode_from_row(row: RowMapping) -> Episode:
    """The episode again."""
    return Episode(**{name: row[name] for name in Episode.__slots__} | {"reason": Reason(row["reason"])})
