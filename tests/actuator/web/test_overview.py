"""What the overview shows, and what it says when it cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.errors import ProxmoxUnreachable
from actuator.policy.jobs import Checkpoint, Failure, JobState, MoveWatts, Progress
from actuator.policy.power import Power
from actuator.policy.reasons import Reason
from actuator.policy.rules import Mode
from tests.actuator.adapters.stores import quarantine
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.test_nodes import Wake
from tests.actuator.web.visits import HOSTILE, Read, Visitor, parts

if TYPE_CHECKING:
    from tests.actuator.api.world import World

GIB = 1024**3


def test_nodes_with_watts_state_and_guests(operator: Visitor) -> None:
    """Each node with what it is up to, its watts against its threshold, and its guests with theirs."""
    page = operator.open()
    [meter] = [attributes for tag, attributes in page.tags if tag == "meter"]

    assert "pve asleep Watts unknown" in page.text
    assert "pve2 on 84.5 W of 90.0 W" in page.text
    assert "100 web 31.0 W Move" in page.text
    assert "pve3 on Watts unknown" in page.text
    assert "84.5 W measured on 1 of 3 nodes" in page.text
    assert {name: meter[name] for name in ("value", "high", "max")} == {"value": "84.5", "high": "90.0", "max": "112.5"}
    assert meter["aria-valuetext"] == "84.5 W of 90.0 W"


def test_what_is_unknown_is_never_0(world: World, operator: Visitor) -> None:
    """Without Prometheus no figure stands anywhere, and no meter: unknown is not nothing."""
    world.power = Power()
    page = operator.open()

    assert "Drawn now unknown Prometheus tells no watts" in page.text
    assert not re.search(r"\d W", page.text)
    assert not page.values("meter", "value")


def test_names_are_what_their_owners_like(world: World, operator: Visitor) -> None:
    """A guest's name, an error of Proxmox and a person's reason are shown as they are, and are never markup."""
    job_id = begin(world, vmid=101)["id"]
    world.store.pause(f"because {HOSTILE}", world.now)
    world.lead(job_id, JobState.PREFLIGHT, message=f"Proxmox says {HOSTILE}")
    for path in ("/", f"/jobs/{job_id}", "/move?vmid=101&target_node=pve3"):
        page = operator.open(path)

        assert HOSTILE in page.text, path
        assert all(attributes.get("src") for tag, attributes in page.tags if tag == "script"), path
        assert "alert(1)" not in "".join(page.values("a", "href")), path
    world.cluster = ProxmoxUnreachable(f"{HOSTILE} is no answer")

    assert f"{HOSTILE} is no answer" in operator.open().text


def test_without_proxmox(world: World, operator: Visitor) -> None:
    """The error is a sentence; what the database and Prometheus know is shown; the nodes' state is unknown."""
    world.cluster = ProxmoxUnreachable("no connection to Proxmox")
    quarantine(world.store, "pve3", "It did not join.", world.now)
    page = operator.open()

    assert "Proxmox cannot be asked: no connection to Proxmox." in page.text
    assert "pve2 unknown 84.5 W" in page.text
    assert "pve3 quarantined" in page.text
    assert "Cluster unknown cannot be asked" in page.text
    assert "No guest is here" not in page.text


def test_while_proxmox_hangs_the_page_opens(world: World, operator: Visitor) -> None:
    """A look that does not end keeps nobody waiting for the jobs."""
    world.cluster = None
    parts(world).look_patience = 0.01
    begin(world)
    page = operator.open()

    assert "The nodes are being looked at" in page.text
    assert "Guest 100 from pve2 to pve" in page.text


def test_what_was_seen_long_ago_is_not_shown_as_the_present(world: World, operator: Visitor) -> None:
    """Nobody looked while no page was open: what was seen the night before is not what is, and nobody is to blame."""
    operator.open()
    world.now += 8 * 3600
    world.cluster = None
    parts(world).look_patience = 0.01
    page = operator.open()

    assert "Drawn now unknown no look yet" in page.text
    assert "Cluster unknown" in page.text
    assert "The nodes are being looked at" in page.text
    assert not re.search(r"\d W", page.text)


def test_without_a_database(world: World, operator: Visitor) -> None:
    """The page says that there is nothing to show, as a page, and with the status of it."""
    world.break_database()
    answer = operator.client.get("/")

    assert answer.status_code == 503
    assert "The database did not answer" in Read(answer.text).text
    assert answer.headers["Content-Type"].startswith("text/html")


def test_empty_states_are_sentences(operator: Visitor) -> None:
    """Where there is nothing, the page says what would be there."""
    text = operator.open().text

    assert "Nothing is under way." in text
    assert "No job has ended yet." in text


def test_a_job_under_way(world: World, operator: Visitor) -> None:
    """Where it stands among its steps, how far the migration is, and a way to cancel while that can be."""
    job_id = begin(world)["id"]

    assert f"/jobs/{job_id}/cancel" in {form.action for form in operator.open().forms}
    for state in (JobState.PREFLIGHT, JobState.AWAITING_READY):
        world.lead(job_id, state, source="pve2", target="pve")
    world.lead(
        job_id,
        JobState.MIGRATING,
        source="pve2",
        target="pve",
        checkpoint=Checkpoint(known_upids=(), progress=Progress(GIB, 4 * GIB, GIB)),
    )
    page = operator.open()

    assert page.values("progress", "value") == ["25"]
    assert "25 %, 1.0 GiB of 4.0 GiB, 1.0 GiB/s" in page.text
    assert "preflight : done waking : not needed awaiting ready : done migrating : now verifying : ahead" in page.text
    assert "step" in page.values("li", "aria-current")
    assert f"/jobs/{job_id}/cancel" not in {form.action for form in operator.open().forms}
    assert "1 under way" in page.text


def test_a_node_that_is_being_woken(world: World, operator: Visitor) -> None:
    """It is shown as waking, and no second wake is offered."""
    world.rules = replace(world.rules, wakeable=frozenset())

    assert "pve off" in operator.open().text
    assert "/nodes/pve/wake" not in {form.action for form in operator.open().forms}
    world.rules = replace(world.rules, wakeable=frozenset({"pve"}))
    world.wakes = {"pve": Wake()}
    page = operator.open()

    assert "/nodes/pve/wake" in {form.action for form in page.forms}
    assert "in 1 min 34 s" in page.text
    job_id = begin(world)["id"]
    for state in (JobState.PREFLIGHT, JobState.WAKING):
        world.lead(job_id, state, target="pve")
    page = operator.open()

    assert "pve waking" in page.text
    assert "/nodes/pve/wake" not in {form.action for form in page.forms}


def test_history_tells_why(world: World, operator: Visitor) -> None:
    """What ended is listed newest first, with its reason or its failure, how long it took, and what it saved."""
    skipped = begin(world)["id"]
    world.now += 2
    world.lead(skipped, JobState.PREFLIGHT)
    world.lead(skipped, JobState.SKIPPED, reason=Reason.GUEST_LOCKED, message="Guest 100 is locked by a backup.")
    failed = begin(world, vmid=101, node="pve3", target_node="pve2")["id"]
    world.now += 65
    world.lead(
        failed,
        JobState.FAILED,
        failure=Failure.NEVER_WOKE,
        message="It gave no sign.",
        checkpoint=Checkpoint(watts=MoveWatts(90, 60, 70, 72)),
    )
    page = operator.open()

    assert "failed never woke Guest 101" in page.text
    assert "It gave no sign. 1 min 5 s \N{MINUS SIGN}8.0 W" in page.text
    assert "skipped guest locked Guest 100" in page.text
    assert page.text.index("never woke") < page.text.index("guest locked")
    assert "Show up to" not in page.text
    assert "Show up to 500" in operator.open("/?ended=1").text


def test_a_storm_is_cut_short(world: World, operator: Visitor) -> None:
    """However many jobs wait for their turn, some are shown and the rest is counted."""
    world.rules = replace(world.rules, allowed_vmids=frozenset(range(100, 140)))
    world.app.state.services.intake.adopt(world.rules)
    for vmid in range(100, 112):
        begin(world, vmid=vmid, node=None, target_node=None)
    text = operator.open().text

    assert "Under way 12 jobs" in text
    assert "And 2 more" in text


def test_paused(world: World, operator: Visitor) -> None:
    """The pause is the first thing that is seen, with its reason and the way to end it."""
    world.store.pause("maintenance (me)", world.now)
    page = operator.open()

    assert "Paused : maintenance (me). Nothing new begins." in page.text
    assert "/resume" in {form.action for form in page.forms}
    assert "/pause" not in {form.action for form in page.forms}


def test_modes_are_told(world: World, operator: Visitor) -> None:
    """In observe, nobody takes what is decided for done."""
    assert "Mode act" in operator.open().text
    world.rules = replace(world.rules, mode=Mode.OBSERVE)

    assert "Mode observe decides and records, does nothing" in operator.open().text


def test_a_wrong_parameter(operator: Visitor) -> None:
    """A parameter out of its range is 422, as a page with a sentence."""
    for query in ("ended=0", "ended=x", "ended=501"):
        answer = operator.client.get(f"/?{query}")

        assert answer.status_code == 422, query
        assert "A parameter is wrong" in Read(answer.text).text


def test_what_a_browser_may_do(operator: Visitor) -> None:
    """Our own files alone, no script or style within the page, no frame, and nothing is kept."""
    for path in ("/", "/move", "/sign-out"):
        answer = operator.client.get(path)
        policy = answer.headers["Content-Security-Policy"]

        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
    page = operator.open()

    assert not [attributes for _, attributes in page.tags if "style" in attributes]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for target in page.values("link", "href") + page.values("script", "src") + page.values("img", "src"):
        loaded = operator.client.get(target)

        assert loaded.status_code == 200, target
        assert loaded.headers["X-Content-Type-Options"] == "nosniff"
        assert "//" not in target
