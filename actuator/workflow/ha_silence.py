"""Why HA, which took the request, begins no migration: it drops requests without a word, so its state has to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actuator.policy.ha import ha_refusal, ha_target_refusal
from actuator.workflow.means import look, move_of

if TYPE_CHECKING:
    from actuator.policy.jobs import Job
    from actuator.workflow.means import Means


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of it.

    Attributes:
        told: The cause, as the part of a sentence.
        final: Waiting cannot help.
    """

    told: str
    final: bool = False
    at_it: bool = False


def why_ha_waits(job: Job, means: Means) -> Silence:
    """See what keeps HA from a migration that it was asked for.

    Raises:
        Temporary: Proxmox gave no usable answer now.
        Permanent: It will give none.
    """
    move = move_of(job)
    job, cluster, guest = look(job, means)
    if guest is None or not guest.under_ha:
        return Silence("it does not manage the guest any more")
    status = means.proxmox.ha_status()
    if (refusal := ha_refusal(guest, status, None, means.rules)) is not None:
        return Silence(_clause(refusal.message), final=True)
    target = cluster.nodes.get(move.target)
    if target is not None and (refusal := ha_target_refusal(guest, target)) is not None:
        return Silence(_clause(refusal.message))
    service = status.services.get(guest.sid)
    state = "unknown" if service is None else service.state
    if state in {"migrate", "relocate"}:
        return Silence(f"its service {guest.sid} is to {state}, and the migration may begin yet", at_it=True)
    return Silence(
        f"its service {guest.sid} is {state}, and a rule may forbid the target, or the target was not online to HA "
        f"when it took up the request"
    )


def _clause(sentence: str) -> str:
    return sentence.rstrip(".")
