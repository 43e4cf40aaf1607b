"""Calls about tasks (PVE::API2::Tasks)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.lab.pve.call import Page
from deploy.lab.pve.refusal import Refusal, bad_parameters
from deploy.lab.task import UPID

if TYPE_CHECKING:
    from deploy.lab.pve.call import Call
    from deploy.lab.task import Task

_WARNINGS = re.compile(r"WARNINGS: \d+")


def status(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/tasks/{upid}/status``."""
    task = _find(call)
    answer = _identity(task) | {"status": "running"}
    if task.exitstatus is not None:
        answer |= {"status": "stopped", "exitstatus": task.exitstatus}
    return answer


def log(call: Call) -> Page:
    """``GET /nodes/{node}/tasks/{upid}/log``; line numbers are absolute and begin with 1."""
    lines = _find(call).lines or ["no content"]
    start, limit = call.number("start", 0), call.number("limit", 50)
    part = lines[start : start + limit] if limit else lines[start:]
    return Page([{"n": start + index, "t": text} for index, text in enumerate(part, 1)], len(lines))


def stop(call: Call) -> None:
    """``DELETE /nodes/{node}/tasks/{upid}``."""
    call.cluster.tasks.stop(_find(call))


def listing(call: Call) -> Page:
    """``GET /nodes/{node}/tasks``: newest first."""
    source = call.text("source") or "archive"
    found = [
        task
        for task in call.cluster.tasks
        if task.node == call.local.name and _visible(call, task) and _asked_for(call, task)
    ]
    active = [_active(task) for task in found if task.exitstatus is None and source != "archive"]
    ended = [_archived(task) for task in found if task.exitstatus is not None and source != "active"]
    entries = sorted([*active, *ended], key=_newest_first, reverse=True)
    start, limit = call.number("start", 0), call.number("limit", 50)
    return Page(entries[start : start + limit if limit else None], len(entries))


def recent(call: Call) -> list[dict[str, object]]:
    """``GET /cluster/tasks``."""
    entries = []
    for task in call.cluster.tasks:
        if call.rights.owns(task.user, task.tokenid) or call.rights.may(f"/nodes/{task.node}", "Sys.Audit"):
            entries.append(_active(task) if task.exitstatus is None else _archived(task) | {"saved": "1"})
            if task.exitstatus is None:
                del entries[-1]["status"]
    return sorted(entries, key=_newest_first, reverse=True)


def _newest_first(entry: dict[str, object]) -> tuple[int, int]:
    return int(str(entry["starttime"])), int(str(entry["pid"]))


def _find(call: Call) -> Task:
    upid = str(call.parameters["upid"])
    if UPID.fullmatch(upid) is None:
        raise bad_parameters({"upid": "unable to parse worker upid"})
    task = call.cluster.tasks.get(upid)
    if task is None or task.node != call.local.name:
        raise bad_parameters({"upid": "no such task"})
    if not _visible(call, task):
        raise Refusal(403, f"Permission check failed (/nodes/{task.node}, Sys.Audit)\n")
    return task


def _visible(call: Call, task: Task) -> bool:
    own = call.rights.owns(task.user, task.tokenid)
    return own or call.rights.may(f"/nodes/{call.local.name}", "Sys.Audit")


def _asked_for(call: Call, task: Task) -> bool:
    vmid, kind, user = call.text("vmid"), call.text("typefilter"), call.text("userfilter")
    return (
        (vmid is None or task.id == vmid)
        and (kind is None or task.type == kind)
        and (user is None or user in task.authid)
        and task.starttime >= call.number("since", 0)
        and ("until" not in call.parameters or task.starttime <= call.number("until", 0))
        and (not call.number("errors", 0) or _outcome(task) == "error")
        and (call.text("statusfilter") is None or _outcome(task) in re.split(r"[,; ]", call.text("statusfilter") or ""))
    )


def _outcome(task: Task) -> str:
    if task.exitstatus in (None, "unexpected status"):
        return "unknown"
    if task.exitstatus == "OK":
        return "ok"
    return "warning" if _WARNINGS.fullmatch(task.exitstatus or "") else "error"


def _identity(task: Task) -> dict[str, object]:
    entry: dict[str, object] = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.starttime,
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    return entry if task.tokenid is None else entry | {"tokenid": task.tokenid}


def _active(task: Task) -> dict[str, object]:
    # The list of running tasks is a text file: user and token stand there as one word, flags as strings.
    entry = _identity(task) | {"user": task.authid, "saved": "0", "status": "RUNNING"}
    entry.pop("tokenid", None)
    return entry


def _archived(task: Task) -> dict[str, object]:
    return _identity(task) | {"endtime": task.endtime, "status": task.exitstatus}
