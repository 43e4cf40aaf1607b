"""Plans: what a job would decide, with nothing done."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.looking import Aside
from actuator.policy.plans import PlanPower
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.workflow.planning import plan
from tests.actuator.workflow.bench import ORDER, WAKE

if TYPE_CHECKING:
    from tests.actuator.workflow.bench import Bench


def test_a_plan_is_what_the_job_does(bench: Bench) -> None:
    """The decision is that of the job's preflight, with the wake and what is known of power; nothing was asked for."""
    power = Power({"pve2": 84.5}, {"pve": 50.0}, {100: 31.0})
    planned = plan(ORDER, bench.means(power=lambda: power), bench._now)

    assert bench.sent("POST", "") == []
    assert bench.store.jobs() == []

    job = bench.run(bench.order(), until=lambda job: job.target is not None and job.source is not None)
    assert (planned.decision.vmid, planned.decision.source, planned.decision.target) == (
        job.vmid,
        job.source,
        job.target,
    )
    assert planned.decision.message == job.message
    assert planned.wakes
    assert planned.power == PlanPower(31.0, 84.5, None, 50.0)


def test_what_intake_refuses_needs_no_look(bench: Bench) -> None:
    """A pause is said at once, without asking Proxmox."""
    bench.store.pause("holidays", bench._now)
    planned = plan(ORDER, bench.means(), bench._now)

    assert (planned.decision.reason, planned.wakes, planned.power) == (Reason.PAUSED, False, None)
    assert not bench.lab.requests


def test_a_wake_is_planned_too(bench: Bench) -> None:
    """For an order to wake the plan names the node."""
    planned = plan(WAKE, bench.means(), bench._now)

    assert (planned.decision.act, planned.decision.target, planned.wakes) == (True, "pve", True)
    assert plan(replace(WAKE, target_node="pve2"), bench.means(), bench._now).wakes is False


def test_a_look_that_was_given_up_is_not_taken() -> None:
    """While one look hangs, those that nobody waits for any more are passed over, and the rest are taken in order."""
    aside, hang, taken = Aside("test"), threading.Event(), []
    first = aside.ask(lambda: hang.wait(30))
    given_up = aside.ask(lambda: taken.append("given up"))
    last = aside.ask(lambda: taken.append("last"))
    given_up.cancel()
    hang.set()

    assert first.result(30)
    assert last.result(30) is None
    assert taken == ["last"]
    with pytest.raises(CancelledError):
        given_up.result(0)
