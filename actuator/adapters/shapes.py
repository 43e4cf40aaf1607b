"""The shapes of Proxmox API answers, turned into our own types. Lists arrive in random order, booleans as 0 and 1."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actuator.adapters import fields
from actuator.adapters.tasks import Task, is_upid
from actuator.policy.cluster import Cluster, Guest, Node, Volume
from actuator.policy.machines import DEFAULT_CPU_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|mp)\d+|rootfs")
_NO_CONTENT = "no content"
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as one node sees it (``GET /nodes/{node}/storage?enabled=1``).

    Attributes:
        name: Its id.
        active: Whether that node can use it now.
        shared: Whether all nodes see the same content; None when not told.
    """

    name: str
    active: bool
    shared: bool | None = None


@dataclass(frozen=True, slots=True)
class GuestConfig:
    """What matters of a guest's configuration.

    Attributes:
        disks: Its volumes, wherever they lie; no path of the host.
        cpu_type: Of a virtual machine, such as ``host`` or ``x86-64-v2-AES``; None when it cannot be told.
    """

    disks: tuple[Volume, ...]
    cpu_type: str | None
    unused: tuple[Volume, ...] = ()
    bound_by: tuple[str, ...] = ()

    @property
    def storages(self) -> frozenset[str]:
        """Those on which its disks lie."""
        return frozenset(disk.storage for disk in self.disks)


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


def guest_config_of(config: object) -> GuestConfig:
    """From ``GET /nodes/{node}/qemu/{vmid}/config``, or its twin for containers.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    told = fields.entry(config)
    disks = (_disk(str(told[key])) for key in sorted(told) if _DISK.fullmatch(key))
    unused = (_disk(str(told[key])) for key in sorted(told) if re.fullmatch(r"unused\d+", key))
    return GuestConfig(
        tuple(disk for disk in disks if disk is not None),
        _cpu_type(told.get("cpu")),
        tuple(disk for disk in unused if disk is not None),
        tuple(_bound_by(told)),
    )


def _bound_by(told: Mapping[str, Any]) -> Iterator[str]:
    """What of the node itself a container uses: devices, paths, raw keys of LXC; Proxmox looks at paths alone."""
    for key in sorted(told):
        value = str(told[key])
        mounted = re.fullmatch(r"mp\d+", key) and value.startswith("/") and "shared=1" not in value.split(",")
        if mounted or re.fullmatch(r"dev\d+", key) or (key == "lxc" and "mount.entry" in value):
            yield key


def version_of(answer: object) -> str:
    """From ``GET /nodes/{node}/version``.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    return fields.text(fields.entry(answer), "version")


def cpu_model_of(status: object) -> str | None:
    """The processor, from ``GET /nodes/{node}/status``; None when not told.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    model = fields.entry(fields.entry(status).get("cpuinfo") or {}).get("model")
    return " ".join(str(model).split()) or None if model is not None else None


def replica_targets_of(jobs: object, vmid: int) -> frozenset[str]:
    """The nodes that a guest is replicated to, from ``GET /nodes/{node}/replication``.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    own = (job for job in fields.entries(jobs) if fields.whole(job, "guest") == vmid)
    return frozenset(fields.text(job, "target") for job in own)


def _storage(entry: Mapping[str, Any]) -> Storage:
    shared = fields.number(entry, "shared")
    return Storage(
        fields.text(entry, "storage"),
        active=bool(fields.number(entry, "active")),
        shared=None if shared is None else bool(shared),
    )


def _disk(value: str) -> Volume | None:
    """``local:100/vm-100-disk-0.raw,size=32G``; None for an empty drive, or for a path of the host."""
    volume, *options = value.split(",")
    if ":" not in volume or volume.startswith("/"):
        return None
    sizes = (option.removeprefix("size=") for option in options if option.startswith("size="))
    return Volume(volume, fields.size(next(sizes, None)), cdrom="media=cdrom" in options)


def _cpu_type(value: object) -> str | None:
    """The type out of ``host,flags=+aes`` or ``cputype=host``."""
    if value is None:
        return DEFAULT_CPU_TYPE
    for part in str(value).split(","):
        key, equals, rest = part.partition("=")
        if not equals:
            return key.strip() or None
        if key.strip() == "cputype":
            return rest.strip() or None
    return DEFAULT_CPU_TYPE  # flags alone


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
