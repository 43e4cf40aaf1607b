"""``/api/v1/jobs``: order one by hand, list them, look at one, cancel one."""

from typing import Annotated, Self

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from actuator.api.access import Caller, caller
from actuator.api.body import documented, parsed
from actuator.api.problems import Problem, Refused, refused
from actuator.api.services import Services, Wired
from actuator.api.views import JobDetail, JobView
from actuator.policy.alertmanager import MAX_VMID, MIN_VMID, NODE_NAME
from actuator.policy.jobs import Job, JobState
from actuator.policy.orders import Action, Order
from actuator.policy.reasons import Reason

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], dependencies=[Depends(caller)])

_MAX_LISTED = 500
NodeName = Annotated[str, Field(pattern=NODE_NAME)]


class OrderRequest(BaseModel):
    """A job asked for by hand.

    Attributes:
        action: What to do.
        node: The source of a migration, or the node to wake.
        vmid: The guest; absent means to choose one on ``node``.
        target_node: Where to; absent means to choose.
        dry_run: Decide and record, but do nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action = Action.MIGRATE
    node: NodeName | None = None
    vmid: Annotated[int, Field(ge=MIN_VMID, le=MAX_VMID, strict=True)] | None = None
    target_node: NodeName | None = None
    dry_run: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.action is Action.WAKE and not (self.node or self.target_node):
            raise ValueError("to wake a node, name it as 'node'")
        if self.action is Action.WAKE and self.vmid is not None:
            raise ValueError("waking a node takes no 'vmid'")
        if self.action is Action.MIGRATE and not (self.node or self.vmid):
            raise ValueError("to migrate, give 'vmid' (the guest), or 'node' (whose guest is to be chosen)")
        return self

    def order(self, requested_by: str) -> Order:
        """Return it as an order."""
        return Order(
            self.action,
            self.node,
            vmid=self.vmid,
            target_node=self.target_node,
            dry_run=self.dry_run,
            requested_by=requested_by,
        )


class JobAnswer(BaseModel):
    """One job.

    Attributes:
        job: As it stands now.
    """

    job: JobView


class JobsAnswer(BaseModel):
    """Jobs, newest first.

    Attributes:
        jobs: As they stand now.
    """

    jobs: list[JobView]


@router.post("", status_code=202, openapi_extra=documented(OrderRequest), responses={409: {"model": Problem}})
def begin_job(
    request: Annotated[OrderRequest, Depends(parsed(OrderRequest, "This is no order"))], name: Caller, services: Wired
) -> JobAnswer:
    """Order a job by hand: 202 with the job, or 409 with the reason when it was decided against at once."""
    verdict = services.intake.order(request.order(name))
    if verdict.reason is not Reason.ACCEPTED or verdict.job_id is None:
        raise Refused(409, Problem(message=verdict.message, reason=verdict.reason))
    return JobAnswer(job=JobView.of(_job(services, verdict.job_id)))


@router.get("")
def list_jobs(
    services: Wired,
    state: Annotated[list[JobState] | None, Query(description="Only these states; may be given several times.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LISTED)] = 50,
) -> JobsAnswer:
    """List jobs, newest first."""
    return JobsAnswer(jobs=[JobView.of(job) for job in services.store.jobs(limit=limit, states=state)])


@router.get("/{job_id}", responses={404: {"model": Problem}})
def show_job(job_id: str, services: Wired) -> JobDetail:
    """Show a job: its alert and history, why it failed, where the guest is, how far the migration got, what it cost."""
    job = _job(services, job_id)
    episode = None if job.episode_id is None else services.store.episode(job.episode_id)
    return JobDetail.with_history(job, episode, services.store.events(job_id))


@router.post("/{job_id}/cancel", status_code=202, responses={404: {"model": Problem}, 409: {"model": Problem}})
def cancel_job(job_id: str, name: Caller, services: Wired) -> JobAnswer:
    """Cancel a job that has not asked for its migration yet; a running migration is never interrupted."""
    _refuse_if_too_late(_job(services, job_id))
    job = services.store.request_cancel(job_id, f"Cancel asked for by {name}.", services.clock(), name)
    if job is None:
        raise _unknown()
    _refuse_if_too_late(job)
    log.info("job.cancel_requested", job=job_id, requested_by=name)
    services.worker.notify()
    return JobAnswer(job=JobView.of(job))


def _refuse_if_too_late(job: Job) -> None:
    if not job.live:
        raise refused(409, f"The job has ended already ({job.state}); there is nothing to cancel.")
    if not job.cancellable:
        asked = "was asked for already" if job.checkpoint.upid is not None else "may have been asked for already"
        raise refused(409, f"The migration {asked} and is never interrupted; follow the job to its end.")


def _job(services: Services, job_id: str) -> Job:
    job = services.store.job(job_id)
    if job is None:
        raise _unknown()
    return job


def _unknown() -> Refused:
    return refused(404, "No job has this id; GET /api/v1/jobs lists the newest.")
