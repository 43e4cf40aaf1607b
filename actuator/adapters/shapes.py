"""The shapes of Proxmox API answers, turned into our own types. Lists arrive in random order, booleans as 0 and 1."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actuator.adapters import fields
from actuator.adapters.tasks import Task, is_upid
from actuator.policy.cluster import Cluster, Guest, Node
from actuator.policy.machines import Cpu

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_CONTENT = "no content"
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as one node sees it (``GET /nodes/{node}/storage?enabled=1``).

    Attributes:
        name: Its id.
        active: Whether that node can use it now.
        shared: Whether all nodes see the same content; None when not told.
        free_bytes: What is left on it; None when not told, as while it is not active.
    """

    name: str
    active: bool
    shared: bool | None = None
    free_bytes: int | None = None


def cluster_of(status: object, guests: object, nodes: object) -> Cluster:
    """One look from ``GET /cluster/status`` and ``GET /cluster/resources`` of the types ``vm`` and ``node``.

    A stand-alone host has no element of type ``cluster``; it has all the quorum it needs.

    Raises:
        UnexpectedShape: Some answer has another shape.
    """
    resources = {fields.text(entry, "node"): entry for entry in fields.entries(nodes)}
    name: str | None = None
    quorate = True
    members: dict[str, Node] = {}
    for entry in fields.entries(status):
        if entry.get("type") == "cluster":
            name = fields.text(entry, "name")
            quorate = fields.flag(entry, "quorate")
        elif entry.get("type") == "node":
            member = fields.text(entry, "name")
            node = _node(member, fields.flag(entry, "online"), resources.get(member, {}))
            members[member] = replace(node, address=str(entry["ip"]) if entry.get("ip") else None)
    if not members:
        raise fields.UnexpectedShape("/cluster/status without any node")
    found = (_guest(entry) for entry in fields.entries(guests))
    return Cluster(name=name, quorate=quorate, nodes=members, guests={guest.vmid: guest for guest in found})


def task_of(entry: object) -> Task:
    """From ``GET .../tasks/{upid}/status``, or one entry of ``GET /nodes/{node}/tasks``.

    The one says ``running`` or ``stopped`` and gives an ``exitstatus``; the other's ``status`` is ``RUNNING`` or the
    exit status itself.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    task = fields.entry(entry)
    upid, status = task.get("upid"), task.get("status")
    if not isinstance(upid, str) or not is_upid(upid):
        raise fields.UnexpectedShape("a task without its upid")
    if status is None or status in {"running", "RUNNING"}:
        return Task(upid, None)
    if status == "stopped":
        return Task(upid, str(task.get("exitstatus", "unexpected status")))
    return Task(upid, str(status))


def tasks_of(answer: object) -> list[Task]:
    """From ``GET /nodes/{node}/tasks``; of a task listed as active and as archived, its end counts.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    tasks: dict[str, Task] = {}
    for entry in fields.sequence(answer):
        task = task_of(entry)
        if task.upid not in tasks or tasks[task.upid].running:
            tasks[task.upid] = task
    return sorted(tasks.values(), key=lambda task: (task.started_at, task.upid))


def log_of(answer: object) -> list[str]:
    """From ``GET .../tasks/{upid}/log``; an empty log is given as one line saying so.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    lines = sorted((fields.number(entry, "n") or 0, str(entry.get("t", ""))) for entry in fields.entries(answer))
    return [] if [text for _, text in lines] == [_NO_CONTENT] else [text for _, text in lines]


def storages_of(answer: object) -> list[Storage]:
    """From ``GET /nodes/{node}/storage``, which lists only what the token may see (``Datastore.Audit``).

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    found = (_storage(entry) for entry in fields.entries(answer))
    return sorted(found, key=lambda storage: storage.name)


def version_of(answer: object) -> str:
    """From ``GET /nodes/{node}/version``.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    return fields.text(fields.entry(answer), "version")


def cpu_of(status: object) -> Cpu:
    """The processor, from ``GET /nodes/{node}/status``: its ``cpuinfo`` is /proc/cpuinfo's (PVE/ProcFSTools.pm).

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    told = fields.entry(fields.entry(status).get("cpuinfo") or {})
    flags = frozenset(str(told.get("flags") or "").split())
    return Cpu(" ".join(str(told.get("model") or "").split()) or None, flags or None)


def replicas_of(jobs: object, vmid: int) -> dict[str, bool]:
    """The nodes that a guest is replicated to, from ``GET /nodes/{node}/replication``, and whether each has a copy.

    A job that never got through has none; one that failed lately, or was disabled, has an older one.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    own = (job for job in fields.entries(jobs) if fields.whole(job, "guest") == vmid)
    return {fields.text(job, "target"): bool(fields.number(job, "last_sync")) for job in own}


def _storage(entry: Mapping[str, Any]) -> Storage:
    shared = fields.number(entry, "shared")
    active = bool(fields.number(entry, "active"))
    return Storage(
        fields.text(entry, "storage"),
        active=active,
        shared=None if shared is None else bool(shared),
        free_bytes=fields.whole(entry, "avail") if active else None,  # one that is not active says 0
    )


def wake_mac_of(config: object) -> str | None:
    """The MAC address in the property ``wakeonlan`` of ``GET /nodes/{node}/config``, or None when nobody set it.

    ``[mac=]<MAC>[,bind-interface=<interface>][,broadcast-address=<IPv4>]``; the other two are for the packets that the
    node itself sends to others.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    text = fields.entry(config).get("wakeonlan")
    if not text:
        return None
    for part in str(text).split(","):
        key, given, value = part.partition("=")
        mac = value if given and key.strip() == "mac" else key if not given else ""
        if _MAC.fullmatch(mac.strip()):
            return mac.strip().lower()
    raise fields.UnexpectedShape("wakeonlan without a MAC address")


def _node(name: str, online: bool, stats: Mapping[str, Any]) -> Node:  # noqa: FBT001 - private, named by its parameter
    state = stats.get("hastate")
    return Node(
        name=name,
        online=online,
        ha_state=None if state is None else str(state),
        cpu=fields.number(stats, "cpu"),
        max_cpu=fields.whole(stats, "maxcpu"),
        memory_bytes=fields.whole(stats, "mem"),
        max_memory_bytes=fields.whole(stats, "maxmem"),
        uptime_seconds=fields.whole(stats, "uptime"),
    )


def _guest(entry: Mapping[str, Any]) -> Guest:
    vmid = fields.whole(entry, "vmid")
    if vmid is None:
        raise fields.UnexpectedShape("a guest without its vmid")
    lock, state, name = entry.get("lock"), entry.get("hastate"), entry.get("name")
    return Guest(
        vmid=vmid,
        kind=fields.text(entry, "type"),
        node=fields.text(entry, "node"),
        status=str(entry.get("status", "unknown")),
        name=None if name is None else str(name),
        template=bool(fields.number(entry, "template")),
        tags=frozenset(tag for tag in re.split(r"[;, ]+", str(entry.get("tags") or "")) if tag),
        lock=str(lock) if lock else None,
        ha_state=str(state) if state else None,
        cpu=fields.number(entry, "cpu"),
        max_cpu=fields.whole(entry, "maxcpu"),
        max_memory_bytes=fields.whole(entry, "maxmem"),
    )
