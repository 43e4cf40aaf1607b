"""The calls that the lab plays, by their key in the published schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.lab.pve import cluster_calls, container_calls, guest_calls, ha_calls, node_calls, task_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.lab.pve.call import Call

CALLS: Mapping[str, Callable[[Call], object]] = {
    "GET /version": cluster_calls.version,
    "GET /access/permissions": cluster_calls.permissions,
    "GET /cluster/status": cluster_calls.status,
    "GET /cluster/resources": cluster_calls.resources,
    "GET /cluster/options": cluster_calls.options,
    "GET /cluster/config/qdevice": cluster_calls.qdevice,
    "GET /cluster/tasks": task_calls.recent,
    "GET /cluster/ha/status/current": ha_calls.current,
    "GET /cluster/ha/status/manager_status": ha_calls.manager_status,
    "GET /cluster/ha/resources": ha_calls.resources,
    "GET /nodes": cluster_calls.nodes,
    "GET /nodes/{node}/version": cluster_calls.version,
    "GET /nodes/{node}/status": node_calls.status,
    "POST /nodes/{node}/status": node_calls.command,
    "GET /nodes/{node}/config": node_calls.config,
    "PUT /nodes/{node}/config": node_calls.change_config,
    "GET /nodes/{node}/storage": node_calls.storage,
    "POST /nodes/{node}/wakeonlan": node_calls.wakeonlan,
    "GET /nodes/{node}/qemu": guest_calls.listing,
    "GET /nodes/{node}/qemu/{vmid}/config": guest_calls.config,
    "GET /nodes/{node}/qemu/{vmid}/status/current": guest_calls.current,
    "GET /nodes/{node}/qemu/{vmid}/migrate": guest_calls.preconditions,
    "POST /nodes/{node}/qemu/{vmid}/migrate": guest_calls.migrate,
    "GET /nodes/{node}/lxc/{vmid}/config": container_calls.config,
    "GET /nodes/{node}/lxc/{vmid}/status/current": container_calls.current,
    "GET /nodes/{node}/lxc/{vmid}/migrate": container_calls.preconditions,
    "POST /nodes/{node}/lxc/{vmid}/migrate": container_calls.migrate,
    "GET /nodes/{node}/replication": node_calls.replication,
    "GET /nodes/{node}/tasks": task_calls.listing,
    "GET /nodes/{node}/tasks/{upid}/status": task_calls.status,
    "GET /nodes/{node}/tasks/{upid}/log": task_calls.log,
    "DELETE /nodes/{node}/tasks/{upid}": task_calls.stop,
}
