"""The page's script, in a real browser: what it changes on an open page, and what it leaves alone."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from actuator.auth import Tokens
from actuator.errors import ProxmoxUnreachable
from actuator.policy.jobs import Failure, JobState
from deploy.lab.browser import browser
from tests.actuator.adapters.stores import quarantine
from tests.actuator.api.test_jobs import begin
from tests.actuator.api.world import OPERATE_TOKEN, TOKENS, World, served
from tests.actuator.web.visits import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from deploy.lab.tools import Toolbox

pytestmark = pytest.mark.xdist_group("page")
PATIENCE_MILLISECONDS = 30_000.0
PHONE = 360
"""CSS pixels."""


@pytest.fixture(scope="module")
def program(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this module."""
    with browser(toolbox, tmp_path_factory.mktemp("browser")) as started:
        yield started


@contextmanager
def opened(program: Browser, world: World, **settings: Any) -> Iterator[Page]:
    """The overview, open and up to date, for somebody who may operate."""
    with served(world) as (host, port), program.new_context(**settings) as screen:
        screen.set_default_timeout(PATIENCE_MILLISECONDS)
        page = screen.new_page()
        page.goto(f"http://{host}:{port}/")
        page.locator("#token").fill(OPERATE_TOKEN)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        if settings.get("java_script_enabled", True):
            page.locator("#pulse.live").wait_for()
        yield page


def test_names_do_nothing(program: Browser, world: World) -> None:
    """A guest whose name is a script, and a message that holds one, are read and not run, also when they come later."""
    with opened(program, world) as page:
        page.evaluate("() => { window.alert = () => { window.hit = true } }")
        job_id = begin(world, vmid=101)["id"]
        world.lead(job_id, JobState.PREFLIGHT, message="<img src=x onerror=alert(1)>")
        page.locator("#running .message", has_text="<img").wait_for()

        assert HOSTILE in page.inner_text("#nodes")
        assert page.evaluate("window.hit") is None
        assert page.locator("#live script, #live img").count() == 0


def test_the_reader_keeps_their_place(program: Browser, world: World) -> None:
    """What is being typed, and where, is not touched by what happens meanwhile."""
    with opened(program, world) as page:
        page.locator("#reason").press_sequentially("maint")
        job_id = begin(world)["id"]
        page.locator(f"#job-{job_id}").wait_for()
        page.keyboard.type("enance")

        assert page.locator("#reason").input_value() == "maintenance"


def test_the_focus_stays_near(program: Browser, world: World) -> None:
    """When the button that has the focus goes, as with a job that ends, its part of the page has it."""
    job_id = begin(world)["id"]
    with opened(program, world) as page:
        page.locator(f"#cancel-{job_id}").focus()
        world.lead(job_id, JobState.CANCELLED)
        page.locator(f"#over-{job_id}").wait_for()

        assert page.evaluate("document.activeElement.id") == "running-title"


def test_what_became_of_a_button_has_the_focus(program: Browser, world: World) -> None:
    """After a form was sent, the sentence that tells what became of it is where a reader goes on."""
    with opened(program, world) as page:
        page.locator("#reason").fill("maintenance")
        with page.expect_navigation():
            page.keyboard.press("Enter")

        assert page.evaluate("document.activeElement.id") == "notice"
        assert "Paused" in page.inner_text("#notice")
    assert world.store.paused() == "maintenance (only-operates)"


def test_times_are_the_readers(program: Browser, world: World) -> None:
    """A time is shown in the zone of whoever reads it, and as UTC to whoever asks more closely."""
    job_id = begin(world)["id"]
    with opened(program, world, timezone_id="Asia/Tokyo") as page:
        time = page.locator(f"#job-{job_id} time")

        assert time.inner_text() == "2026-11-23 01:20:27"
        assert time.get_attribute("title") == "2026-11-22 16:20:27 UTC"


def test_a_page_that_stands_still_says_so(program: Browser, world: World) -> None:
    """When the session is over, or the actuator is gone, the page tells that, instead of looking alive."""
    with opened(program, world) as page:
        world.gate.tokens = Tokens([])
        page.locator("#pulse.lost").wait_for()

        assert "Your session is over" in page.inner_text("#pulse")
    world.gate.tokens = TOKENS
    with opened(program, world) as page:
        page.route(re.compile(r"/live\?"), lambda route: route.abort())
        page.reload()
        page.locator("#pulse.lost").wait_for()

        assert "The actuator is not heard" in page.inner_text("#pulse")


def test_without_a_script_everything_works(program: Browser, world: World) -> None:
    """Reading, planning, moving and following need no script: a page that is loaded again is as good."""
    with opened(program, world, java_script_enabled=False) as page:
        page.locator("#move-100").click()
        page.locator("#target_node").select_option("pve")
        page.locator("#plan").click()
        page.locator("#confirm").click()
        page.locator("h1", has_text="Guest 100 web").wait_for()
        [job] = world.store.jobs()

        assert page.url.endswith(f"/jobs/{job.id}")
        assert "Accepted" in page.inner_text("main")


def test_a_page_that_is_looked_at_again_is_not_live_before_it_has_heard(program: Browser, world: World) -> None:
    """Behind another tab a page follows nothing; back in front, with an actuator that hangs, it does not look alive."""
    with opened(program, world) as page:
        page.clock.install()
        page.route(re.compile(r"/live\?"), lambda _: None)
        for hidden in ("true", "false"):
            page.evaluate(
                f"() => {{ Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});"
                " document.dispatchEvent(new Event('visibilitychange')) }"
            )

        assert page.locator("#pulse.live").count() == 0
        page.clock.fast_forward(60_000)

        assert "silent" in page.inner_text("#pulse")


def broken(page: Page) -> list[str]:
    """What axe finds wrong with a page, and whether it is wider than a phone."""
    rules = Axe().run(page).response["violations"]
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{rule['id']}: {node['html']}" for rule in rules for node in rule["nodes"]] + ["wide"] * (width > PHONE)


def test_everybody_can_use_what_is_seldom_seen(program: Browser, world: World) -> None:
    """Trouble, refusals, failures and the reference, on a phone at night: axe finds nothing, nothing is too wide."""
    quarantine(world.store, "pve3", "It did not join.", world.now)
    job_id = begin(world, vmid=101, node="pve3", target_node="pve2")["id"]
    world.lead(job_id, JobState.FAILED, failure=Failure.NEVER_WOKE)
    found = {}
    with opened(program, world, color_scheme="dark", viewport={"width": PHONE, "height": 740}) as page:
        world.store.pause("maintenance of everything " * 10, world.now)
        world.cluster = ProxmoxUnreachable(f"no connection to https://pve2.example.org:8006/{'long' * 30}")
        page.locator("#trouble").wait_for()
        found["overview"] = broken(page)
        home = page.url
        for path in (f"jobs/{job_id}", "move?vmid=7", "jobs/nothing", "docs"):
            page.goto(home + path)
            found[path] = broken(page)
        page.context.clear_cookies()
        page.goto(home)
        page.locator("#token").fill("wrong")
        page.keyboard.press("Enter")
        page.locator("#problem").wait_for()
        found["wrong token"] = broken(page)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
