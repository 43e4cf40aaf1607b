"""Calls about one guest (PVE::API2::Qemu)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.migration import MigrationOrder
from deploy.lab.pve.call import any_order
from deploy.lab.pve.figures import guest_figures
from deploy.lab.pve.refusal import bad_parameters, died

if TYPE_CHECKING:
    from deploy.lab.cluster import Guest
    from deploy.lab.pve.call import Call

# For every token, since no token is root@pam itself.
_ROOT_ONLY = ("force", "migration_type", "migration_network")


def listing(call: Call) -> list[dict[str, object]]:
    """``GET /nodes/{node}/qemu``."""
    return any_order(
        {"vmid": guest.vmid, "cpus": guest.plan.cpus, **guest_figures(call.cluster, guest)}
        for guest in call.cluster.guests.values()
        if guest.node == call.local.name and call.rights.may(f"/vms/{guest.vmid}", "VM.Audit")
    )


def current(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/qemu/{vmid}/status/current``."""
    guest = call.guest_here()
    entry = {
        "vmid": guest.vmid,
        **guest_figures(call.cluster, guest),
        "cpus": guest.plan.cpus,
        "qmpstatus": "running" if guest.running else "stopped",
        "ha": {"managed": 1, "state": call.world.ha.state(guest)} if guest.plan.ha else {"managed": 0},
    }
    if guest.lock is not None:
        entry["lock"] = guest.lock
    return entry


def config(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/qemu/{vmid}/config``."""
    guest = call.guest_here()
    entry: dict[str, object] = {"memory": guest.plan.memory_bytes // 1024**2, **guest.plan.disks}
    if guest.lock is not None:
        entry["lock"] = guest.lock
    return entry


def preconditions(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/qemu/{vmid}/migrate``."""
    call.need_quorum()
    guest = call.guest_here()
    _need_unlocked(guest)
    version = call.cluster.plan.version
    answer: dict[str, object] = {
        "running": int(guest.running),
        "local_disks": _local_disks(call, guest),
        "local_resources": list(guest.plan.local_resources),
    }
    if version != "7.2":
        answer["mapped-resources"] = []
    # For a running guest only since qemu-server 8.3.9 (PVE 8.4).
    if version == "9.1" or not guest.running:
        others = {name: _missing(call, guest, name) for name in call.cluster.nodes if name != call.local.name}
        answer["allowed_nodes"] = sorted(name for name, missing in others.items() if not missing)
        answer["not_allowed_nodes"] = {
            name: {"unavailable_storages": missing} if missing else {} for name, missing in others.items()
        }
    if version == "9.1":
        answer |= {"mapped-resource-info": {}, "has-dbus-vmstate": 1}
        if guest.plan.ha:
            answer["dependent-ha-resources"] = []
    return answer


def _storages_of(guest: Guest) -> dict[str, str]:
    return {volume: volume.partition(":")[0] for volume in guest.plan.disks.values()}


def _missing(call: Call, guest: Guest, node: str) -> list[str]:
    """Return the storages of the guest that ``node`` is not configured for; whether it is on plays no part."""
    used = set(_storages_of(guest).values())
    return sorted(plan.name for plan in call.cluster.plan.storages if plan.name in used and not plan.on(node))


def _local_disks(call: Call, guest: Guest) -> list[dict[str, object]]:
    shared = {plan.name for plan in call.cluster.plan.storages if plan.shared}
    volumes = {volume: drive for drive, volume in guest.plan.disks.items()}
    return [
        {"volid": volume, "drivename": volumes[volume], "cdrom": 0}
        for volume, storage in _storages_of(guest).items()
        if storage not in shared
    ]


def _need_unlocked(guest: Guest) -> None:
    if guest.lock is not None:
        raise died(f"VM is locked ({guest.lock})")


def migrate(call: Call) -> str:
    """``POST /nodes/{node}/qemu/{vmid}/migrate``: the checks in Proxmox's order, then a worker."""
    target = str(call.parameters["target"])
    if target == call.local.name:
        raise bad_parameters({"target": "target is local node."})
    call.need_quorum()
    call.known_node(target)
    for name in _ROOT_ONLY:
        if call.parameters.get(name):
            raise bad_parameters({name: "Only root may use this option."})
    guest = call.guest_here()
    _need_unlocked(guest)
    online = bool(call.number("online", 0))
    if guest.running and not online:
        raise died("can't migrate running VM without --online")
    for storage in _missing(call, guest, target):
        raise died(f"storage '{storage}' is not available on node '{target}'")
    owner = (call.rights.token.user, call.rights.token.name)
    tasks, world = call.cluster.tasks, call.world
    if guest.plan.ha:
        return tasks.start(
            call.local.name,
            "hamigrate",
            str(guest.vmid),
            owner,
            lambda task: world.ha.queue(task, guest, target),
        ).upid
    order = MigrationOrder(target, online=guest.running, conntrack=bool(call.number("with-conntrack-state", 0)))
    return tasks.start(
        call.local.name,
        "qmigrate",
        str(guest.vmid),
        owner,
        lambda task: world.migrations.run(task, guest, order),
    ).upid
