"""The shapes of Proxmox API answers, turned into our own types. Lists arrive in random order, booleans as 0 and 1."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actuator.adapters.tasks import Task, is_upid
from actuator.policy.cluster import Cluster, Guest, Node, Preconditions

if TYPE_CHECKING:
    from collections.abc import Mapping

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_NO_CONTENT = "no content"
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


class UnexpectedShape(ValueError):
    """An answer that Proxmox does not give; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as one node sees it (``GET /nodes/{node}/storage?enabled=1``).

    Attributes:
        name: Its id.
        active: Whether that node can use it now.
    """

    name: str
    active: bool


def cluster_of(status: object, guests: object, nodes: object) -> Cluster:
    """One look from ``GET /cluster/status`` and ``GET /cluster/resources`` of the types ``vm`` and ``node``.

    A stand-alone host has no element of type ``cluster``; it has all the quorum it needs.

    Raises:
        UnexpectedShape: Some answer has another shape.
    """
    resources = {_text(entry, "node"): entry for entry in _entries(nodes)}
    name: str | None = None
    quorate = True
    members: dict[str, Node] = {}
    for entry in _entries(status):
        if entry.get("type") == "cluster":
            name = _text(entry, "name")
            quorate = _flag(entry, "quorate")
        elif entry.get("type") == "node":
            node = _node(_text(entry, "name"), _flag(entry, "online"), resources.get(_text(entry, "name"), {}))
            members[node.name] = replace(node, address=str(entry["ip"]) if entry.get("ip") else None)
    if not members:
        raise UnexpectedShape("/cluster/status without any node")
    found = (_guest(entry) for entry in _entries(guests))
    return Cluster(name=name, quorate=quorate, nodes=members, guests={guest.vmid: guest for guest in found})


def preconditions_of(answer: object) -> Preconditions:
    """From ``GET /nodes/{node}/qemu/{vmid}/migrate``.

    ``not_allowed_nodes`` has every other node as a key, with an empty value when nothing is in the way; both node keys
    are missing for running guests before PVE 8.4.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    entry = _entry(answer)
    allowed = entry.get("allowed_nodes")
    obstacles = {
        str(node): tuple(_obstacles(details)) for node, details in _entry(entry.get("not_allowed_nodes") or {}).items()
    }
    return Preconditions(
        running=_flag(entry, "running"),
        allowed_nodes=None if allowed is None else frozenset(str(node) for node in _sequence(allowed)),
        obstacles={node: found for node, found in obstacles.items() if found},
        local_disks=tuple(_text(_entry(disk), "volid") for disk in _sequence(entry.get("local_disks") or [])),
        local_resources=tuple(str(name) for name in _sequence(entry.get("local_resources") or [])),
    )


def task_of(entry: object) -> Task:
    """From ``GET .../tasks/{upid}/status``, or one entry of ``GET /nodes/{node}/tasks``.

    The one says ``running`` or ``stopped`` and gives an ``exitstatus``; the other's ``status`` is ``RUNNING`` or the
    exit status itself.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    task = _entry(entry)
    upid, status = task.get("upid"), task.get("status")
    if not isinstance(upid, str) or not is_upid(upid):
        raise UnexpectedShape("a task without its upid")
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
    for entry in _sequence(answer):
        task = task_of(entry)
        if task.upid not in tasks or tasks[task.upid].running:
            tasks[task.upid] = task
    return sorted(tasks.values(), key=lambda task: (task.started_at, task.upid))


def log_of(answer: object) -> list[str]:
    """From ``GET .../tasks/{upid}/log``; an empty log is given as one line saying so.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    lines = sorted((_number(entry, "n") or 0, str(entry.get("t", ""))) for entry in _entries(answer))
    return [] if [text for _, text in lines] == [_NO_CONTENT] else [text for _, text in lines]


def storages_of(answer: object) -> list[Storage]:
    """From ``GET /nodes/{node}/storage``, which lists only what the token may see (``Datastore.Audit``).

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    found = (Storage(_text(entry, "storage"), bool(_number(entry, "active"))) for entry in _entries(answer))
    return sorted(found, key=lambda storage: storage.name)


def disk_storages_of(config: object) -> frozenset[str]:
    """The storages on which a guest's disks lie, from ``GET /nodes/{node}/qemu/{vmid}/config``.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    volumes = (str(value).split(",", 1)[0] for key, value in _entry(config).items() if _DISK.fullmatch(key))
    return frozenset(volume.split(":", 1)[0] for volume in volumes if ":" in volume and not volume.startswith("/"))


def wake_mac_of(config: object) -> str | None:
    """The MAC address in the property ``wakeonlan`` of ``GET /nodes/{node}/config``, or None when nobody set it.

    ``[mac=]<MAC>[,bind-interface=<interface>][,broadcast-address=<IPv4>]``; the other two are for the packets that the
    node itself sends to others.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    text = _entry(config).get("wakeonlan")
    if not text:
        return None
    for part in str(text).split(","):
        key, given, value = part.partition("=")
        mac = value if given and key.strip() == "mac" else key if not given else ""
        if _MAC.fullmatch(mac.strip()):
            return mac.strip().lower()
    raise UnexpectedShape("wakeonlan without a MAC address")


def _node(name: str, online: bool, stats: Mapping[str, Any]) -> Node:  # noqa: FBT001 - private, named by its parameter
    state = stats.get("hastate")
    return Node(
        name=name,
        online=online,
        ha_state=None if state is None else str(state),
        cpu=_number(stats, "cpu"),
        max_cpu=_whole(stats, "maxcpu"),
        memory_bytes=_whole(stats, "mem"),
        max_memory_bytes=_whole(stats, "maxmem"),
    )


def _guest(entry: Mapping[str, Any]) -> Guest:
    vmid = _whole(entry, "vmid")
    if vmid is None:
        raise UnexpectedShape("a guest without its vmid")
    lock, state, name = entry.get("lock"), entry.get("hastate"), entry.get("name")
    return Guest(
        vmid=vmid,
        kind=_text(entry, "type"),
        node=_text(entry, "node"),
        status=str(entry.get("status", "unknown")),
        name=None if name is None else str(name),
        template=bool(_number(entry, "template")),
        tags=frozenset(tag for tag in re.split(r"[;, ]+", str(entry.get("tags") or "")) if tag),
        lock=str(lock) if lock else None,
        ha_state=str(state) if state else None,
        cpu=_number(entry, "cpu"),
        max_cpu=_whole(entry, "maxcpu"),
        max_memory_bytes=_whole(entry, "maxmem"),
    )


def _obstacles(details: object) -> list[str]:
    """What is in the way of one target, as words: storages, mappings, HA resources."""
    found: list[str] = []
    for kind, items in sorted(_entry(details).items()):
        words = kind.replace("_", " ").replace("-", " ")
        found += [f"{words}: {item.get('sid') if isinstance(item, dict) else item}" for item in _sequence(items)]
    return found


def _sequence(answer: object) -> list[Any]:
    if not isinstance(answer, list):
        raise UnexpectedShape(f"a list was expected, not {type(answer).__name__}")
    return answer


def _entry(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise UnexpectedShape(f"an object was expected, not {type(answer).__name__}")
    return answer


def _entries(answer: object) -> list[dict[str, Any]]:
    return [_entry(entry) for entry in _sequence(answer)]


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise UnexpectedShape(f"{key} is missing")
    return value


def _number(entry: Mapping[str, Any], key: str) -> float | None:
    """A number, which Proxmox sometimes writes as a string; None when missing."""
    value = entry.get(key)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UnexpectedShape(f"{key} is not a number") from error
    if not math.isfinite(number):
        raise UnexpectedShape(f"{key} is not a number")
    return number


def _whole(entry: Mapping[str, Any], key: str) -> int | None:
    value = _number(entry, key)
    return None if value is None else int(value)


def _flag(entry: Mapping[str, Any], key: str) -> bool:
    value = _number(entry, key)
    if value is None:
        raise UnexpectedShape(f"{key} is missing")
    return bool(value)
