"""``/api/v1/nodes``: what is known of each node; wake one; trust one again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

import structlog
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from actuator.api.access import Caller, caller
from actuator.api.jobs import JobAnswer
from actuator.api.looks import seen
from actuator.api.problems import Problem, Refused, refused
from actuator.api.services import Remembered, Services, Wired
from actuator.api.views import JobView, utc
from actuator.policy.alertmanager import NODE_NAME
from actuator.policy.audit import AuditEntry, AuditEvent
from actuator.policy.cluster import Cluster, Guest
from actuator.policy.orders import Action, Order
from actuator.policy.power import Power
from actuator.policy.reasons import Reason

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
    """How a node is woken, and how its wakes went; null where nothing is remembered.

    Attributes:
        configured: Whether there is a way of waking it.
        tested_at: When a wake last succeeded.
        tested_seconds: How long that took, until the node had joined the cluster.
        last_at: When the newest wake ended.
        last_succeeded: Whether the node joined by it.
        last_method: How it was asked.
        last_message: What was told of it.
    """

    configured: bool
    tested_at: datetime | None = None
    tested_seconds: float | None = None
    last_at: datetime | None = None
    last_succeeded: bool | None = None
    last_method: str | None = None
    last_message: str | None = None

    @classmethod
    def of(cls, wake: Remembered | None) -> Self:
        """Show what is remembered of a node that can be woken."""
        if wake is None:
            return cls(configured=True)
        return cls(
            configured=True,
            tested_at=None if wake.woke_at is None else utc(wake.woke_at),
            tested_seconds=wake.woke_seconds,
            last_at=None if wake.wake_at is None else utc(wake.wake_at),
            last_succeeded=wake.wake_succeeded,
            last_method=wake.wake_method,
            last_message=wake.wake_message,
        )


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
    now = services.clock()
    entry = AuditEntry(now, AuditEvent.QUARANTINE_CLEARED, name, f"Node {node} is trusted again.", node=node)
    cleared = services.store.clear_quarantine(node, now, entry)
    if not cleared and node not in services.rules().nodes:
        raise refused(404, f"Node {node} is not configured; GET /api/v1/nodes lists those that are.")
    log.warning("node.quarantine_cleared", node=node, cleared=cleared, requested_by=name)
    return ClearedAnswer(node=node, cleared=cleared)


@dataclass(frozen=True, slots=True)
class _Known:
    cluster: Cluster | None
    power: Power
    quarantined: Mapping[str, str]
    wakes: Mapping[str, Remembered]
    wakeable: frozenset[str]


def _shown(services: Services, cluster: Cluster | None, error: str | None) -> NodesAnswer:
    rules = services.rules()
    known = _Known(
        cluster=cluster,
        power=services.power(),
        quarantined=services.store.history(services.clock()).quarantined,
        wakes=services.wakes(),
        wakeable=rules.wakeable,
    )
    names = rules.nodes if cluster is None else rules.nodes | cluster.nodes.keys()
    return NodesAnswer(
        quorate=None if cluster is None else cluster.quorate,
        error=error,
        nodes=[_node(name, known) for name in sorted(names)],
    )


def _node(name: str, known: _Known) -> NodeView:
    node = None if known.cluster is None else known.cluster.nodes.get(name)
    guests = () if known.cluster is None else known.cluster.guests.values()
    here = sorted((guest for guest in guests if guest.node == name), key=lambda guest: guest.vmid)
    return NodeView(
        name=name,
        online=None if node is None else node.online,
        ha_state=None if node is None else node.ha_state,
        watts=known.power.node_watts.get(name),
        threshold_watts=known.power.node_thresholds.get(name),
        quarantined=known.quarantined.get(name),
        wake=WakeView.of(known.wakes.get(name)) if name in known.wakeable else None,
        guests=[GuestView.of(guest, known.power) for guest in here],
    )
