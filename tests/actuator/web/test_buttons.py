"""What the buttons do: the same as the API's calls, under the name of whoever pressed them; the next page tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import ProxmoxUnreachable
from actuator.policy.audit import AuditEvent
from actuator.policy.jobs import Checkpoint, JobState, MoveWatts
from actuator.policy.orders import Action
from actuator.policy.rules import Mode
from tests.actuator.adapters.stores import quarantine
from tests.actuator.api.test_jobs import begin
from tests.actuator.web.visits import Read, Visitor, parts

if TYPE_CHECKING:
    from tests.actuator.api.world import World


def test_pause_and_resume(world: World, operator: Visitor) -> None:
    """Both are done, told once, and in the audit by name."""
    paused = operator.press("/pause", reason="maintenance of pve2")

    assert world.store.paused() == "maintenance of pve2 (only-operates)"
    assert "Paused: nothing new begins" in Read(paused.text).text
    assert "Paused: nothing new begins" not in operator.open().text
    resumed = operator.press("/resume")

    assert world.store.paused() is None
    assert "Work goes on" in Read(resumed.text).text
    told = [(line.event, line.requested_by) for line in world.store.audit(0, world.now + 1)]
    assert told == [(AuditEvent.PAUSED, "only-operates"), (AuditEvent.RESUMED, "only-operates")]


def test_a_pause_needs_a_reason(world: World, operator: Visitor) -> None:
    """Without one, or with a novel, nothing is done, and the page says what is wanted."""
    for reason in ("", "   ", "x" * 301):
        answer = operator.press("/pause", reason=reason)

        assert "Say in 1 to 300 characters" in Read(answer.text).text
        assert Read(answer.text).values("p", "role") == ["alert", "status"]
    assert world.store.paused() is None


def test_cancel(world: World, operator: Visitor) -> None:
    """A job that may be cancelled is asked to stop; one for which it is too late is not, and the sentence says why."""
    job_id = begin(world)["id"]
    answer = operator.press(f"/jobs/{job_id}/cancel", page=f"/jobs/{job_id}")
    job = world.store.job(job_id)

    assert answer.url.path == f"/jobs/{job_id}"
    assert job is not None
    assert job.cancel_requested
    assert "Cancel asked for by only-operates." in Read(answer.text).text
    assert "Asked to stop" in operator.open().text
    late = begin(world, vmid=101, node="pve3", target_node="pve2")["id"]
    form = next(form for form in operator.open().forms if form.action == f"/jobs/{late}/cancel")
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY):
        world.lead(late, state)
    world.lead(late, JobState.MIGRATING, checkpoint=Checkpoint(known_upids=()))
    answer = operator.client.post(form.action, data=form.fields)

    assert "is never interrupted" in Read(answer.text).text


def test_wake_and_trust(world: World, operator: Visitor) -> None:
    """A node is woken by a job; one in quarantine is trusted again, and may then be woken."""
    world.rules = replace(world.rules, wakeable=frozenset({"pve"}))
    quarantine(world.store, "pve", "It did not join.", world.now)

    assert "pve quarantined" in operator.open().text
    answer = operator.press("/nodes/pve/clear-quarantine")

    assert "Node pve may be woken again." in Read(answer.text).text
    assert world.store.history(world.now).quarantined == {}
    answer = operator.press("/nodes/pve/wake")
    [job] = world.store.jobs()

    assert (job.order.action, job.order.requested_by) == (Action.WAKE, "only-operates")
    assert "Accepted: node pve is to be awake. Its job tells what becomes of that." in Read(answer.text).text


def test_no_wake_is_promised(world: World, operator: Visitor) -> None:
    """In observe nothing is woken: the page says that the order was taken, and no more."""
    world.rules = replace(world.rules, mode=Mode.OBSERVE, wakeable=frozenset({"pve"}))
    world.app.state.services.intake.adopt(world.rules)
    text = Read(operator.press("/nodes/pve/wake").text).text

    assert "Accepted: node pve is to be awake." in text
    assert "woken" not in text.partition("Overview Drawn now")[0]


def test_a_move_is_planned_and_then_done(world: World, operator: Visitor) -> None:
    """The plan is told first and does nothing; its button does exactly that, and leads to where it can be followed."""
    page = operator.open("/move?vmid=100&target_node=pve")

    assert "This would happen" in page.text
    assert "Guest 100 (web) moves from pve2 to pve" in page.text
    assert world.store.jobs() == []
    [form] = [form for form in page.forms if form.action == "/move" and form.method == "post"]
    answer = operator.client.post("/move", data=form.fields)
    [job] = world.store.jobs()

    assert (job.vmid, job.target, job.order.requested_by) == (100, "pve", "only-operates")
    assert answer.url.path == f"/jobs/{job.id}"
    assert world.bell.rung == 1


def test_the_choice_is_kept(operator: Visitor) -> None:
    """The form shows what was chosen, so that it can be changed."""
    page = operator.open("/move?vmid=100&target_node=pve3")
    chosen = [attributes for tag, attributes in page.tags if tag == "option" and "selected" in attributes]

    assert [option.get("value") for option in chosen] == ["100", None]
    assert "on pve2" in page.values("optgroup", "label")


def test_a_move_that_would_not_happen(world: World, operator: Visitor) -> None:
    """The reason is told, and there is nothing to press."""
    world.store.pause("maintenance", world.now)
    page = operator.open("/move?vmid=100&target_node=pve2")

    assert "Nothing would happen: guest already there" in page.text
    assert [form.method for form in page.forms if form.action == "/move"] == ["get"]


def test_a_move_that_is_decided_against_after_all(world: World, operator: Visitor) -> None:
    """What came in between is told, and nothing is begun twice."""
    page = operator.open("/move?vmid=100&target_node=pve")
    form = next(form for form in page.forms if form.method == "post" and form.action == "/move")
    begin(world)
    answer = operator.client.post("/move", data=form.fields)

    assert answer.status_code == 409
    assert "100" in Read(answer.text).text
    assert len(world.store.jobs()) == 1


def test_a_choice_that_is_none(operator: Visitor) -> None:
    """422 with a sentence, and the form to choose again."""
    for query, says in (
        ("vmid=x", "is not the number of one"),
        ("vmid=%3Cscript%3E", "is not the number of one"),
        ("vmid=7", "greater than or equal to 100"),
        ("vmid=100&target_node=../etc", "target_node"),
        ("vmid=" + "9" * 65, "vmid"),
    ):
        answer = operator.client.get(f"/move?{query}")

        assert answer.status_code == 422, query
        assert says in Read(answer.text).text
        assert "<script>" not in answer.text


def test_a_plan_without_proxmox(world: World, operator: Visitor) -> None:
    """The page says that Proxmox cannot be asked, and that nothing can be chosen for it."""
    world.cluster = ProxmoxUnreachable("no connection to Proxmox")
    answer = operator.client.get("/move?vmid=100")

    assert answer.status_code == 503
    assert "Proxmox cannot be asked: no connection to Proxmox." in Read(answer.text).text
    assert "No guest can be chosen" in Read(answer.text).text


def test_what_is_no_number_at_all(world: World, operator: Visitor) -> None:
    """A form with more digits than any number has is told so, as any other that is wrong."""
    [form] = [
        form for form in operator.open("/move?vmid=100").forms if form.method == "post" and form.action == "/move"
    ]
    answer = operator.client.post("/move", data=form.fields | {"vmid": "9" * 5000})

    assert answer.status_code == 422
    assert "is not the number of one" in Read(answer.text).text
    assert world.store.jobs() == []


def test_no_guest_is_denied_before_anybody_looked(world: World, operator: Visitor) -> None:
    """While Proxmox hangs nothing can be chosen, and the page does not say that there is nothing."""
    world.cluster = None
    parts(world).look_patience = 0.01
    text = operator.open("/move").text

    assert "none is known now" in text
    assert "there is none" not in text


def test_a_job_has_its_history(world: World, operator: Visitor) -> None:
    """Each step with how long it took, and each line with its time and its reason."""
    job_id = begin(world)["id"]
    for state, seconds in ((JobState.PREFLIGHT, 2), (JobState.WAKING, 90), (JobState.AWAITING_READY, 7)):
        world.lead(job_id, state, source="pve2", target="pve")
        world.now += seconds
    text = operator.open(f"/jobs/{job_id}").text

    assert "preflight 2 s waking 1 min 30 s awaiting ready 7 s, now migrating ahead verifying ahead" in text
    assert "2026-11-22 16:20:29 UTC waking now waking" in text


def test_watts_are_told_when_they_were_looked_at(world: World, operator: Visitor) -> None:
    """Before the second look there is no "after"; from it on there is, and what is not known of it is unknown."""
    job_id = begin(world)["id"]
    for watts, told in (
        (MoveWatts(90.0), "Source drew 90.0 W before Target drew unknown before Job"),
        (MoveWatts(90.0, due_at=world.now + 90), "Source drew 90.0 W before; looked at again at 2026-11-22 16:21:57"),
        (MoveWatts(90.0, 60.0, 70.0, 75.0, measured_at=world.now), "Both together \N{MINUS SIGN}5.0 W"),
        (MoveWatts(90.0, measured_at=world.now), "Target drew unknown before, unknown after"),
    ):
        world.lead(job_id, JobState.QUEUED, checkpoint=Checkpoint(watts=watts))

        assert told in operator.open(f"/jobs/{job_id}").text


def test_a_job_that_is_not_there(operator: Visitor) -> None:
    """404, as a page that leads back."""
    answer = operator.client.get("/jobs/nothing")

    assert answer.status_code == 404
    assert "/" in Read(answer.text).values("a", "href")
