"""``/api/v1/nodes``: what is known of each node; wake one; trust one again."""

from collections.abc import Mapping
from typing import Annotated, Self

import structlog
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from actuator.api.jobs import JobAnswer
from actuator.api.looks import seen
from actuator.api.problems import Problem, Refused, refused
from actuator.api.services import Caller, Services, Wired, caller
from actuator.api.views import JobView
from actuator.policy.alertmanager import NODE_NAME
from actuator.policy.cluster import Cluster, Guest
from actuator.policy.orders import Action, Order
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.rules import Rules

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1/nodes", tags=["nodes"], dependencies=[Depends(caller)])

Named = Annotated[str, Path(pattern=NODE_NAME)]


class GuestView(BaseModel):
    """A guest on its node.

    Attributes:
        id: As Proxmox and the exporter name it: ``qemu/100``.
        vmid: Its number.
        name: Its name; null when its statistics are missing.
        status: ``running``, ``stopped``, ``unknown`` ...
        watts: The exporter's estimate; null when not known.
    """

    id: str
    vmid: int
    name: str | None
    status: str
    watts: float | None

    @classmethod
    def of(cls, guest: Guest, power: Power) -> Self:
        """Show this guest."""
        return cls(
            id=f"{guest.kind}/{guest.vmid}",
            vmid=guest.vmid,
            name=guest.name,
            status=guest.status,
            watts=power.guest_watts.get(guest.vmid),
        )


class WakeView(BaseModel):
    """How a node is woken; of wakes that were tried, see the jobs.

    Attributes:
        configured: Whether there is a way of waking it.
    """

    configured: bool


class NodeView(BaseModel):
    """A node of the cluster, or of the configuration.

    Attributes:
        name: Its Proxmox name.
        online: Whether it is a member of the cluster now; null when Proxmox does not know it or cannot be asked.
        ha_state: As HA sees it: ``online``, ``maintenance`` ...; null when not told.
        watts: What it draws, as a mean over a minute; null when not known.
        threshold_watts: What is too much for it, by the same source; null when not known.
        quarantined: Why it is not woken any more, or null.
        wake: How it is woken; null when it never is.
        guests: On it, by number.
    """

    name: str
    online: bool | None
    ha_state: str | None
    watts: float | None
    threshold_watts: float | None
    quarantined: str | None
    wake: WakeView | None
    guests: list[GuestView]


class NodesAnswer(BaseModel):
    """The cluster, as far as it can be seen now.

    Attributes:
        quorate: Whether the cluster may change anything; null when Proxmox cannot be asked.
        error: Why Proxmox cannot be asked, or null.
        nodes: Those of the cluster and those of the configuration, by name.
    """

    quorate: bool | None
    error: str | None
    nodes: list[NodeView]


class ClearedAnswer(BaseModel):
    """What became of a node's quarantine.

    Attributes:
        node: It.
        cleared: Whether it was in quarantine.
    """

    node: str
    cleared: bool


@router.get("")
async def list_nodes(services: Wired) -> NodesAnswer:
    """Show each node: whether it is on, what it draws, what runs there; with the error when Proxmox cannot be asked."""
    cluster, error = None, None
    try:
        cluster = await seen(services.look(), services.look_seconds)
    except Refused as refusal:
        error = refusal.problem.message
    return await run_in_threadpool(_shown, services, cluster, error)


@router.post("/{node}/wake", status_code=202, responses={409: {"model": Problem}})
def wake_node(node: Named, name: Caller, services: Wired) -> JobAnswer:
    """Wake a node: 202 with the job, or 409 with the reason when it was decided against at once."""
    verdict = services.intake.order(Order(Action.WAKE, node, requested_by=name))
    job = None if verdict.job_id is None else services.store.job(verdict.job_id)
    if verdict.reason is not Reason.ACCEPTED or job is None:
        raise Refused(409, Problem(message=verdict.message, reason=verdict.reason))
    return JobAnswer(job=JobView.of(job))


@router.post("/{node}/clear-quarantine", responses={404: {"model": Problem}})
def clear_quarantine(node: Named, name: Caller, services: Wired) -> ClearedAnswer:
    """Trust a node again that failed to wake, so that it may be woken once more."""
    cleared = services.store.clear_quarantine(node, services.clock())
    if not cleared and node not in services.rules().nodes:
        raise refused(404, f"Node {node} is not configured; GET /api/v1/nodes lists those that are.")
    log.warning("node.quarantine_cleared", node=node, cleared=cleared, requested_by=name)
    return ClearedAnswer(node=node, cleared=cleared)


def _shown(services: Services, cluster: Cluster | None, error: str | None) -> NodesAnswer:
    power = services.power()
    quarantined = services.store.history(services.clock()).quarantined
    rules = services.rules()
    known = set() if cluster is None else set(cluster.nodes)
    return NodesAnswer(
        quorate=None if cluster is None else cluster.quorate,
        error=error,
        nodes=[_node(name, cluster, power, quarantined, rules) for name in sorted(rules.nodes | known)],
    )


def _node(name: str, cluster: Cluster | None, power: Power, quarantined: Mapping[str, str], rules: Rules) -> NodeView:
    node = None if cluster is None else cluster.nodes.get(name)
    guests = [] if cluster is None else [guest for guest in cluster.guests.values() if guest.node == name]
    return NodeView(
        name=name,
        online=None if node is None else node.online,
        ha_state=None if node is None else node.ha_state,
        watts=power.node_watts.get(name),
        threshold_watts=power.node_thresholds.get(name),
        quarantined=quarantined.get(name),
        wake=WakeView(configured=True) if name in rules.wakeable else None,
        guests=[GuestView.of(guest, power) for guest in sorted(guests, key=lambda guest: guest.vmid)],
    )
