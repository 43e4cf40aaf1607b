"""Calls about HA (PVE::API2::HA::Status, ::Resources)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.pve.call import any_order
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    from deploy.lab.cluster import Guest
    from deploy.lab.pve.call import Call


def current(call: Call) -> list[dict[str, object]]:
    """``GET /cluster/ha/status/current``."""
    quorate = call.cluster.quorate
    managed = call.world.ha.managed
    armed = ("armed" if managed else "standby") if call.world.ha.armed else "disarmed"
    entries: list[dict[str, object]] = [
        {
            "id": "quorum",
            "type": "quorum",
            "node": call.local.name,
            "status": "OK" if quorate else "No quorum on node",
            "quorate": int(quorate),
        },
    ]
    if knows(call.cluster.plan.version, Change.FENCING_STATE):
        entries.append(
            {
                "id": "fencing",
                "type": "fencing",
                "node": call.local.name,
                "armed-state": armed,
                "status": f"{armed} (CRM watchdog {'active' if managed else 'standby'})",
            }
        )
    if managed:
        entries += [_manager(call), *(_resource_manager(call, name) for name in sorted(call.cluster.nodes))]
    return entries + [_service(call, guest) for guest in managed]


def _manager(call: Call) -> dict[str, object]:
    name = call.local.name
    return {"id": "master", "type": "master", "node": name, "status": f"{name} (active)", "timestamp": 0}


def _resource_manager(call: Call, name: str) -> dict[str, object]:
    state = call.world.ha.node_state(name)
    mode = {"online": "active", "maintenance": "maintenance mode"}.get(state, "old timestamp - dead?")
    return {"id": f"lrm:{name}", "type": "lrm", "node": name, "status": f"{name} ({mode})", "timestamp": 0}


def _service(call: Call, guest: Guest) -> dict[str, object]:
    state = call.world.ha.state(guest)
    sid = guest.plan.sid
    return {
        "id": f"service:{sid}",
        "type": "service",
        "sid": sid,
        "node": guest.node,
        "state": state,
        "crm_state": state,
        "request_state": "started",
        "status": f"{sid} ({guest.node}, {state})",
    }


def manager_status(call: Call) -> dict[str, object]:
    """``GET /cluster/ha/status/manager_status``."""
    managed = call.world.ha.managed
    status: dict[str, object] = {"node_status": {}}
    if managed:
        status["node_status"] = {name: call.world.ha.node_state(name) for name in call.cluster.nodes}
        status["service_status"] = {
            guest.plan.sid: {"node": guest.node, "state": call.world.ha.state(guest)} for guest in managed
        }
    return {
        "manager_status": status,
        "quorum": {"node": call.local.name, "quorate": int(call.cluster.quorate)},
    }


def resources(call: Call) -> list[dict[str, object]]:
    """``GET /cluster/ha/resources``."""
    return any_order(_resource(call, guest) for guest in call.world.ha.managed)


def _resource(call: Call, guest: Guest) -> dict[str, object]:
    """A section of resources.cfg: what nobody set is not told."""
    sid = guest.plan.sid
    entry: dict[str, object] = {"sid": sid, "type": sid[:2], "state": "started", "digest": "0" * 40}
    if guest.plan.auto_rebalance is not None and knows(call.cluster.plan.version, Change.AUTO_REBALANCE):
        entry["auto-rebalance"] = int(guest.plan.auto_rebalance)
    return entry
