"""Jobs as text for a person. Pure: takes the API's documents, and nothing of them reaches a terminal unchecked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from actuator.commands.screen import bar, printable, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Document = Mapping[str, Any]

_HEAD = ("ID", "STATE", "ACTION", "GUEST", "FROM", "TO", "SINCE", "MESSAGE")
_NOTHING = "-"
_MIB = 1024**2
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def jobs_table(jobs: Sequence[Document], now: float) -> str:
    """Return jobs as a table, newest first as they come.

    Args:
        jobs: As ``GET /api/v1/jobs`` lists them.
        now: Unix seconds.
    """
    return table([_HEAD, *(_row(job, now) for job in jobs)])


def job_lines(job: Document) -> list[str]:
    """Return all there is to say of a job, its history last."""
    order = job.get("order") or {}
    facts: list[tuple[str, object]] = [
        ("job", job.get("id")),
        ("state", _state(job)),
        ("message", job.get("message")),
        ("asked by", order.get("requested_by")),
        ("alert", (job.get("episode") or {}).get("alertname")),
        ("guest", job.get("vmid")),
        ("move", _move(job)),
        ("guest is on", job.get("guest_node")),
        ("task", job.get("upid")),
        ("cost", _cost(job.get("outcome") or {})),
        ("power", _power(job)),
        ("created", _time(job.get("created_at"))),
        ("finished", _time(job.get("finished_at"))),
    ]
    lines = [f"{name + ':':<13}{printable(value)}" for name, value in facts if value not in (None, "")]
    events = job.get("events") or []
    return [*lines, "", *(event_line(event) for event in events)] if events else lines


def event_line(event: Document) -> str:
    """Return one line of a job's history."""
    return (
        f"{_time(event.get('at')) or _NOTHING}  {printable(event.get('state')):<14}  {printable(event.get('message'))}"
    )


def progress_line(event: Document, *, plain: bool) -> str | None:
    """Return a migration's progress as a bar, or None when the event tells none.

    Args:
        event: As the stream gives it.
        plain: In ASCII.
    """
    detail = event.get("detail") or {}
    moved, total = detail.get("transferred_bytes"), detail.get("total_bytes")
    if not isinstance(moved, int | float) or not isinstance(total, int | float) or total <= 0:
        return None
    share = min(moved / total, 1.0)
    speed = detail.get("bytes_per_second")
    at = f"  {speed / _MIB:.0f} MiB/s" if isinstance(speed, int | float) else ""
    return f"{bar(share, plain=plain)} {share:4.0%}  {moved / _MIB:.0f} of {total / _MIB:.0f} MiB{at}"


def _row(job: Document, now: float) -> tuple[str, ...]:
    order = job.get("order") or {}
    cells = (
        job.get("id"),
        _state(job),
        order.get("action"),
        job.get("vmid") or order.get("vmid"),
        job.get("source") or order.get("node"),
        job.get("target") or order.get("target_node"),
        _age(job.get("updated_at"), now),
        job.get("message"),
    )
    return tuple(_NOTHING if cell in (None, "") else printable(cell) for cell in cells)


def _state(job: Document) -> str:
    why = job.get("failure") or (job.get("reason") if job.get("state") == "skipped" else None)
    return f"{job.get('state')} ({why})" if why else f"{job.get('state')}"


def _move(job: Document) -> str | None:
    source, target = job.get("source"), job.get("target")
    if source is None:
        return None if target is None else f"{target} is woken"
    return f"{source} to {target or 'a node of our choice'}"


def _cost(outcome: Document) -> str:
    downtime, duration, size = (
        outcome.get(key) for key in ("downtime_seconds", "duration_seconds", "transferred_bytes")
    )
    parts = [
        None if downtime is None else f"stood still for {downtime * 1000:.0f} ms",
        None if duration is None else f"took {duration:.0f} s",
        None if size is None else f"moved {size / _MIB:.0f} MiB",
    ]
    return ", ".join(part for part in parts if part)


def _power(job: Document) -> str | None:
    watts = job.get("watts")
    if not watts:
        return None
    parts = [
        f"{job.get(role)} {_watts(watts.get(f'{role}_before'))} before, {_watts(watts.get(f'{role}_after'))} after"
        for role in ("source", "target")
    ]
    if (change := watts.get("change")) is not None:
        parts.append(f"together {change:+.1f} W")
    elif watts.get("due_at"):
        parts.append(f"looked at again at {_time(watts['due_at'])}")
    return "; ".join(parts)


def _watts(figure: float | None) -> str:
    return "?" if figure is None else f"{figure:.1f} W"


def _time(text: object) -> str | None:
    """A time of the API, in this machine's time zone; as it came when it is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return printable(text)


def _age(text: object, now: float) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        seconds = max(0.0, now - datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return None
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
