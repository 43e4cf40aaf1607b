"""The statistics of nodes and guests that the API reports (PVE::API2Tools, pvestatd)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.cluster import Stage
from deploy.lab.plan import GIB
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    from deploy.lab.cluster import Cluster, Guest, Node

_HOST_MEMORY = 2 * GIB
_ROOT_DISK = 100 * GIB
_GUEST_DISK = 32 * GIB


def node_load(cluster: Cluster, node: Node) -> float:
    """Return the share of a node's processors in use, 0 to 1."""
    return round(cluster.busy_cpus(node.name) / node.plan.cpus, 4)


def used_memory(cluster: Cluster, node: Node) -> int:
    """Return a node's used memory in bytes."""
    return _HOST_MEMORY + sum(guest.plan.memory_bytes for guest in cluster.running_on(node.name))


def node_entry(cluster: Cluster, node: Node, *, audit: bool) -> dict[str, object]:
    """Return a node as the lists show it; statistics only for who may audit it."""
    reports = node.plan.reports and node.stage >= Stage.API
    entry: dict[str, object] = {"id": f"node/{node.name}", "node": node.name, "type": "node"}
    if not node.online:
        return entry | {"status": "offline"}
    entry["status"] = "online" if reports else "unknown"
    if not reports or not audit:
        return entry
    return entry | {
        "level": "",
        "uptime": int(cluster.agenda.now - node.since),
        "cpu": node_load(cluster, node),
        "maxcpu": node.plan.cpus,
        "mem": used_memory(cluster, node),
        "maxmem": node.plan.memory_bytes,
        "disk": 20 * GIB,
        "maxdisk": _ROOT_DISK,
    }


def guest_figures(cluster: Cluster, guest: Guest) -> dict[str, object]:
    """Return a guest's statistics; none of them when they do not reach the cluster."""
    figures: dict[str, object] = {
        "status": "running" if guest.running else "stopped",
        "name": guest.plan.name,
        "template": int(guest.plan.template),
        "cpu": guest.load if guest.running else 0,
        "mem": guest.plan.memory_bytes // 2 if guest.running else 0,
        "maxmem": guest.plan.memory_bytes,
        "disk": 0,
        "maxdisk": _GUEST_DISK,
        "netin": 1,
        "netout": 2,
        "diskread": 3,
        "diskwrite": 4,
        "uptime": int(cluster.agenda.now - guest.since) if guest.running else 0,
    }
    if guest.plan.tags and knows(cluster.plan.version, Change.GUEST_TAGS):
        figures["tags"] = ";".join(guest.plan.tags)
    if knows(cluster.plan.version, Change.HOST_MEMORY):
        figures["memhost"] = int(guest.plan.memory_bytes * 0.55) if guest.running else 0
    return figures
