"""Calls about one guest (PVE::API2::Qemu)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.disks import local_disks, missing_storages, size_of
from deploy.lab.migration import MigrationOrder
from deploy.lab.pve.call import any_order
from deploy.lab.pve.figures import guest_figures
from deploy.lab.pve.refusal import bad_parameters, died
from deploy.lab.pve.releases import Change, knows

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
        if guest.plan.kind == "qemu"
        and guest.node == call.local.name
        and call.rights.may(f"/vms/{guest.vmid}", "VM.Audit")
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
    if guest.plan.cpu is not None:
        entry["cpu"] = guest.plan.cpu
    if guest.lock is not None:
        entry["lock"] = guest.lock
    return entry


def preconditions(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/qemu/{vmid}/migrate``."""
    call.need_quorum()
    guest = call.guest_here()
    need_unlocked(guest, "VM")
    version = call.cluster.plan.version
    answer: dict[str, object] = {
        "running": int(guest.running),
        "local_disks": _local_disks(call, guest),
        "local_resources": list(guest.plan.local_resources),
    }
    if knows(version, Change.MAPPED_RESOURCES):
        answer["mapped-resources"] = []
    if knows(version, Change.TARGETS_OF_RUNNING) or not guest.running:
        others = {name: _obstacles(call, guest, name) for name in call.cluster.nodes if name != call.local.name}
        answer["allowed_nodes"] = sorted(name for name, found in others.items() if not found)
        answer["not_allowed_nodes"] = others
    if knows(version, Change.HA_RULES):
        answer |= {"mapped-resource-info": {}, "has-dbus-vmstate": 1}
        if guest.plan.ha:
            answer["dependent-ha-resources"] = call.world.ha.dependents(guest)
    return answer


def _obstacles(call: Call, guest: Guest, node: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if missing := missing_storages(call.cluster, guest, node):
        found["unavailable_storages"] = missing
    if blockers := call.world.ha.blockers(guest, node):
        found["blocking-ha-resources"] = blockers
    return found


def _local_disks(call: Call, guest: Guest) -> list[dict[str, object]]:
    return [
        {
            "volid": volume,
            "drivename": drive,
            "cdrom": int("media=cdrom" in options),
            "replicate": int("replicate=0" not in options),
        }
        | ({} if (size := size_of(options)) is None else {"size": size})
        for drive, volume, options in local_disks(call.cluster, guest)
    ]


def need_unlocked(guest: Guest, kind: str) -> None:
    """Refuse while the guest's configuration is locked; ``kind`` is VM or CT."""
    if guest.lock is not None:
        raise died(f"{kind} is locked ({guest.lock})")


def _need_replica(guest: Guest, target: str) -> None:
    """Refuse to move a replicated guest that runs anywhere but to its replica; a disabled job counts too."""
    if guest.running and guest.plan.replicas and target not in guest.plan.replicas:
        raise died(
            f"Cannot live migrate replicated VM to node '{target}' - not a replication target. Use 'force' to override."
        )


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
    need_unlocked(guest, "VM")
    online = bool(call.number("online", 0))
    if guest.running and not online:
        raise died("can't migrate running VM without --online")
    _need_replica(guest, target)
    for storage in missing_storages(call.cluster, guest, target):
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
    order = MigrationOrder(
        target,
        online=guest.running,
        conntrack=bool(call.number("with-conntrack-state", 0)),
        local_disks=bool(call.number("with-local-disks", 0)),
    )
    return tasks.start(
        call.local.name,
        "qmigrate",
        str(guest.vmid),
        owner,
        lambda task: world.migrations.run(task, guest, order),
    ).upid
