"""Calls about one container (pve-container's src/PVE/API2/LXC.pm and src/PVE/API2/LXC/Status.pm)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.containers import ContainerOrder
from deploy.lab.pve.figures import guest_figures
from deploy.lab.pve.guest_calls import need_unlocked
from deploy.lab.pve.refusal import bad_parameters, died

if TYPE_CHECKING:
    from deploy.lab.pve.call import Call

_SHUTDOWN_SECONDS = 180


def config(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/lxc/{vmid}/config``."""
    guest = call.guest_here("lxc")
    entry: dict[str, object] = {
        "arch": "amd64",
        "hostname": guest.plan.name,
        "memory": guest.plan.memory_bytes // 1024**2,
        **guest.plan.disks,
    }
    if guest.lock is not None:
        entry["lock"] = guest.lock
    return entry


def current(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/lxc/{vmid}/status/current``."""
    guest = call.guest_here("lxc")
    entry = {
        "vmid": guest.vmid,
        "type": "lxc",
        **guest_figures(call.cluster, guest),
        "cpus": guest.plan.cpus,
        "ha": {"managed": 1, "state": call.world.ha.state(guest)} if guest.plan.ha else {"managed": 0},
    }
    if guest.lock is not None:
        entry["lock"] = guest.lock
    return entry


def preconditions(call: Call) -> dict[str, object]:
    """``GET /nodes/{node}/lxc/{vmid}/migrate``, since PVE 9.0: with hyphens, and of HA alone.

    Unlike its twin for virtual machines, ``not-allowed-nodes`` has those nodes alone that something keeps it from.
    """
    call.need_quorum()
    guest = call.guest_here("lxc")
    need_unlocked(guest, "CT")
    answer: dict[str, object] = {"running": int(guest.running)}
    others = {name: call.world.ha.blockers(guest, name) for name in call.cluster.nodes if name != call.local.name}
    answer["allowed-nodes"] = sorted(name for name, blockers in others.items() if not blockers)
    answer["not-allowed-nodes"] = {
        name: {"blocking-ha-resources": blockers} for name, blockers in others.items() if blockers
    }
    if guest.plan.ha:
        answer["dependent-ha-resources"] = call.world.ha.dependents(guest)
    return answer


def migrate(call: Call) -> str:
    """``POST /nodes/{node}/lxc/{vmid}/migrate``: few checks, then a worker, which meets locks and storages by itself.

    Replication is no obstacle to a container: it is copied whole to any other node than its replica's.
    """
    target = str(call.parameters["target"])
    if target == call.local.name:
        raise bad_parameters({"target": "target is local node."})
    call.need_quorum()
    call.known_node(target)
    guest = call.guest_here("lxc")
    restart, online = bool(call.number("restart", 0)), bool(call.number("online", 0))
    if guest.running and not (restart or online):
        raise died("can't migrate running container without --online or --restart")
    owner = (call.rights.token.user, call.rights.token.name)
    tasks, world = call.cluster.tasks, call.world
    if guest.plan.ha:
        return tasks.start(
            call.local.name, "hamigrate", str(guest.vmid), owner, lambda task: world.ha.queue(task, guest, target)
        ).upid
    order = ContainerOrder(target, restart=restart, timeout=call.number("timeout", _SHUTDOWN_SECONDS))
    return tasks.start(
        call.local.name, "vzmigrate", str(guest.vmid), owner, lambda task: world.containers.run(task, guest, order)
    ).upid
