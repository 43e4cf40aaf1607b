"""Calls about the cluster as a whole (PVE::API2::Cluster, ::Nodes, ::AccessControl)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.cluster import Stage
from deploy.lab.pve.call import any_order
from deploy.lab.pve.figures import guest_figures, node_entry
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    from deploy.lab.cluster import Guest, Node
    from deploy.lab.plan import PveVersion
    from deploy.lab.pve.call import Call

_VERSIONS: dict[PveVersion, tuple[str, str]] = {
    "7.2": ("7.2", "7.2-11"),
    "7.4": ("7.4", "7.4-17"),
    "8.2.5": ("8.2", "8.2.5"),
    "9.1": ("9.1", "9.1.9"),
}


def version(call: Call) -> dict[str, object]:
    """``GET /version`` and ``GET /nodes/{node}/version``."""
    release, full = _VERSIONS[call.cluster.plan.version]
    full = call.local.plan.version or full
    return {"release": release, "repoid": "0123456789abcdef", "version": full}


def status(call: Call) -> list[dict[str, object]]:
    """``GET /cluster/status``; it works without quorum."""
    nodes = call.cluster.nodes.values()
    whole: dict[str, object] = {
        "type": "cluster",
        "id": "cluster",
        "name": call.cluster.plan.name,
        "version": 3,
        "nodes": len(nodes),
        "quorate": int(call.cluster.quorate),
    }
    return any_order([whole, *(_member(call, node) for node in nodes)])


def _member(call: Call, node: Node) -> dict[str, object]:
    return {
        "type": "node",
        "id": f"node/{node.name}",
        "name": node.name,
        "nodeid": node.plan.nodeid,
        "local": int(node is call.local),
        "online": int(node.online),
        "ip": node.address,
        "level": "",
    }


def nodes(call: Call) -> list[dict[str, object]]:
    """``GET /nodes``."""
    return any_order(
        # Fingerprints come from files that only real nodes share; the recorded cluster had none either.
        node_entry(call.cluster, node, audit=_may_audit(call, node)) | {"ssl_fingerprint": None}
        for node in call.cluster.nodes.values()
    )


def _may_audit(call: Call, node: Node) -> bool:
    return call.rights.may(f"/nodes/{node.name}", "Sys.Audit")


def resources(call: Call) -> list[dict[str, object]]:
    """``GET /cluster/resources``: each entry only for who may audit it."""
    kind = call.text("type")
    entries: list[dict[str, object]] = []
    if kind in (None, "vm"):
        entries += [_guest(call, guest) for guest in call.cluster.guests.values() if _visible(call, guest)]
    if kind in (None, "node"):
        entries += [_node(call, node) for node in call.cluster.nodes.values()]
    if kind in (None, "storage"):
        entries += _storages(call)
    if kind in (None, "sdn") and call.rights.may("/sdn/zones/localnetwork", "SDN.Audit"):
        entries += [_zone(call, node) for node in call.cluster.nodes.values()]
    return any_order(entries)


def _visible(call: Call, guest: Guest) -> bool:
    return call.rights.may(f"/vms/{guest.vmid}", "VM.Audit")


def _guest(call: Call, guest: Guest) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": f"{guest.plan.kind}/{guest.vmid}",
        "vmid": guest.vmid,
        "type": guest.plan.kind,
        "node": guest.node,
        "status": "unknown",
    }
    if guest.lock is not None:
        entry["lock"] = guest.lock
    if guest.plan.ha:
        entry["hastate"] = call.world.ha.state(guest)
    if guest.plan.reports and call.cluster.nodes[guest.node].online:
        entry |= guest_figures(call.cluster, guest) | {"maxcpu": guest.plan.cpus}
    return entry


def _node(call: Call, node: Node) -> dict[str, object]:
    entry = node_entry(call.cluster, node, audit=_may_audit(call, node))
    if node.plan.maintenance and node.online:
        entry["hastate"] = "maintenance"
    elif call.world.ha.managed:
        entry["hastate"] = "online" if node.online else "unknown"
    return entry


def _storages(call: Call) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for storage in call.cluster.plan.storages:
        if not call.rights.may(f"/storage/{storage.name}", "Datastore.Audit"):
            continue
        for node in call.cluster.nodes.values():
            if not storage.on(node.name):
                continue
            entry: dict[str, object] = {
                "id": f"storage/{node.name}/{storage.name}",
                "type": "storage",
                "storage": storage.name,
                "node": node.name,
                "plugintype": storage.plugin,
                "content": "images",
                "shared": int(storage.shared),
                "status": "unknown",
            }
            if storage.reports and storage.works and node.stage >= Stage.READY:
                entry |= {"status": "available", "disk": storage.used_bytes, "maxdisk": storage.total_bytes}
            entries.append(entry)
    return entries


def _zone(call: Call, node: Node) -> dict[str, object]:
    if knows(call.cluster.plan.version, Change.NETWORK_ZONES):
        return {
            "id": f"network/{node.name}/zone/localnetwork",
            "type": "network",
            "network-type": "zone",
            "network": "localnetwork",
            "node": node.name,
            "status": "ok",
        }
    return {
        "id": f"sdn/{node.name}/localnetwork",
        "type": "sdn",
        "sdn": "localnetwork",
        "node": node.name,
        "status": "ok",
    }


def options(call: Call) -> dict[str, object]:
    """``GET /cluster/options``: what interfaces need for everybody, the rest for auditors."""
    plan = call.cluster.plan
    told: dict[str, object] = {}
    if knows(plan.version, Change.ALLOWED_TAGS):
        told["allowed-tags"] = sorted({tag for guest in call.cluster.guests.values() for tag in guest.plan.tags})
    if plan.crs and knows(plan.version, Change.RESOURCE_SCHEDULING) and call.rights.may("/", "Sys.Audit"):
        told["crs"] = dict(plan.crs)
    return told


def qdevice(_call: Call) -> dict[str, object]:
    """``GET /cluster/config/qdevice`` (PVE::API2::ClusterConfig): empty while no corosync-qdevice runs on the node."""
    return {}


def permissions(call: Call) -> dict[str, dict[str, int]]:
    """``GET /access/permissions``: of the caller."""
    return call.rights.listing(path for token in call.cluster.plan.tokens for path in token.acl)
