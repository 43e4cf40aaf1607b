"""Calls about one node (PVE::API2::Nodes, ::NodeConfig, ::Storage::Status)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.cluster import Stage
from deploy.lab.plan import GIB
from deploy.lab.pve.call import any_order
from deploy.lab.pve.figures import node_load, used_memory
from deploy.lab.pve.refusal import died
from deploy.lab.pve.releases import Change, knows

if TYPE_CHECKING:
    from deploy.lab.pve.call import Call

# A node answers the shutdown call and goes down a moment later.
_SHUTDOWN_SECONDS = 2.0


def status(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/status``."""
    node = call.local
    used, total = used_memory(call.cluster, node), node.plan.memory_bytes
    load = node_load(call.cluster, node)
    told: dict[str, object] = {
        "uptime": int(call.cluster.agenda.now - node.since),
        "cpu": load,
        "wait": 0,
        "idle": 0,
        "loadavg": [f"{load * node.plan.cpus:.2f}"] * 3,
        "memory": {"used": used, "free": total - used, "total": total, "available": total - used},
        "swap": {"used": 0, "free": 0, "total": 0},
        "rootfs": {"used": 20 * GIB, "avail": 80 * GIB, "free": 80 * GIB, "total": 100 * GIB},
        "cpuinfo": {
            "model": node.plan.cpu_model,
            "flags": node.plan.cpu_flags,
            "sockets": 1,
            "cores": node.plan.cpus,
            "cpus": node.plan.cpus,
        },
        "kversion": "Linux lab",
        "pveversion": f"pve-manager/{call.cluster.plan.version}/0123456789abcdef",
    }
    if knows(call.cluster.plan.version, Change.BOOT_INFO):
        told["current-kernel"] = {"sysname": "Linux", "release": "lab", "version": "lab", "machine": "x86_64"}
        told["boot-info"] = {"mode": "efi", "secureboot": 0}
    return told


def command(call: Call) -> None:
    """``POST /nodes/{node}/status``: shut down or reboot; nothing is evacuated."""
    name, cluster = call.local.name, call.cluster
    action = cluster.reboot if call.text("command") == "reboot" else cluster.power_off
    cluster.agenda.after(_SHUTDOWN_SECONDS, lambda: action(name))


def config(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/config``."""
    return {} if call.local.wakeonlan is None else {"wakeonlan": call.local.wakeonlan}


def change_config(call: Call) -> None:
    """``PUT /nodes/{node}/config``, its ``wakeonlan`` property."""
    call.need_quorum()
    if (value := call.text("wakeonlan")) is not None:
        call.local.wakeonlan = value


def storage(call: Call) -> list[dict[str, object]]:
    """``GET /nodes/{node}/storage``."""
    entries: list[dict[str, object]] = []
    for plan in call.cluster.plan.storages:
        wanted = call.text("storage")
        if not plan.on(call.local.name) or (wanted is not None and wanted != plan.name):
            continue
        if not call.rights.may(f"/storage/{plan.name}", "Datastore.Audit"):
            continue
        active = plan.works and call.local.stage >= Stage.READY
        total, used = (plan.total_bytes, plan.used_bytes) if active else (0, 0)
        entry: dict[str, object] = {
            "storage": plan.name,
            "type": plan.plugin,
            "content": "images",
            "shared": int(plan.shared),
            "enabled": 1,
            "active": int(active),
            "total": total,
            "used": used,
            "avail": total - used,
        }
        if active:
            entry["used_fraction"] = used / total
        entries.append(entry)
    return any_order(entries)


def replication(call: Call) -> list[dict[str, object]]:
    """``GET /nodes/{node}/replication``: the jobs whose guest is here (PVE/API2/Replication.pm).

    Configuration and state in one, as ``extract_job_status`` puts them together; disabled jobs are listed as well.
    """
    wanted = call.number("guest", 0)
    return any_order(
        {
            "id": f"{guest.vmid}-{number}",
            "guest": guest.vmid,
            "jobnum": number,
            "type": "local",
            "vmtype": guest.plan.kind,
            "source": guest.node,
            "target": target,
            "schedule": "*/15",
            "fail_count": 0,
            "last_sync": int(call.cluster.agenda.now) if guest.plan.replicated else 0,
        }
        for guest in call.cluster.guests.values()
        if guest.node == call.local.name and wanted in {0, guest.vmid}
        if call.rights.may(f"/vms/{guest.vmid}", "VM.Audit")
        for number, target in enumerate(guest.plan.replicas)
    )


def wakeonlan(call: Call) -> str:
    """``POST /nodes/{node}/wakeonlan``: {node} is the sleeper, and any other node sends the packet."""
    name = str(call.parameters["node"])
    if name == call.local.name:
        raise died(f"'{name}' is local node, cannot wake my self!")
    config_text = call.known_node(name).wakeonlan
    if config_text is None:
        raise died(f"No wake on LAN MAC address defined for '{name}'!")
    mac = _mac(config_text)
    call.world.broadcast(call.local.address, b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16)
    return mac


def _mac(property_string: str) -> str:
    # "[mac=]<MAC>[,bind-interface=<if>][,broadcast-address=<ipv4>]": the MAC is the default key.
    parts = dict(part.partition("=")[::2] for part in property_string.split(",") if "=" in part)
    return parts.get("mac", property_string.split(",", maxsplit=1)[0])
