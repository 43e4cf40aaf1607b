"""``POST /api/v1/plan``: what would happen, and why, without doing it."""

from dataclasses import asdict
from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from actuator.api.access import permitted
from actuator.api.body import documented, parsed
from actuator.api.jobs import OrderRequest
from actuator.api.looks import seen
from actuator.api.services import Wired
from actuator.auth import Scope
from actuator.policy.plans import Plan
from actuator.policy.reasons import Reason

_reader = permitted(Scope.READ)  # it changes nothing
router = APIRouter(prefix="/api/v1", tags=["plan"], dependencies=[Depends(_reader)])


class PowerView(BaseModel):
    """What is known of the power of those concerned, in watts; null where it is not.

    Attributes:
        guest_watts: Estimate for the guest.
        source_watts: The node it would leave.
        target_watts: The node it would go to.
        target_threshold_watts: What would be too much for that one.
    """

    guest_watts: float | None
    source_watts: float | None
    target_watts: float | None
    target_threshold_watts: float | None


class PlanAnswer(BaseModel):
    """What would be done about an order, were it given now.

    Attributes:
        act: Whether anything would be done.
        reason: ``accepted``, or why nothing would be.
        message: The same as a sentence, with the next thing to do.
        vmid: The guest, as far as decided.
        source: Where it would leave from, as far as decided.
        target: Where it would go, or the node to wake, as far as decided.
        wakes: Whether a node would be woken for it.
        power: What is known of it; null when nothing is.
    """

    act: bool
    reason: Reason
    message: str
    vmid: int | None
    source: str | None
    target: str | None
    wakes: bool
    power: PowerView | None

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Show this plan."""
        decision = plan.decision
        return cls(
            act=decision.act,
            reason=decision.reason,
            message=decision.message,
            vmid=decision.vmid,
            source=decision.source,
            target=decision.target,
            wakes=plan.wakes,
            power=None if plan.power is None else PowerView(**asdict(plan.power)),
        )


@router.post("/plan", openapi_extra=documented(OrderRequest))
async def plan_order(
    request: Annotated[OrderRequest, Depends(parsed(OrderRequest, "This is no order"))],
    name: Annotated[str, Depends(_reader)],
    services: Wired,
) -> PlanAnswer:
    """Tell what an order would lead to now, by the same decisions; 503 when Proxmox cannot be asked.

    Nothing is done, written or counted. What only Proxmox's own check right before a migration tells, such as a lock
    that comes in between, may still decide otherwise.
    """
    return PlanAnswer.of(await seen(services.plan(request.order(name)), services.look_seconds))
