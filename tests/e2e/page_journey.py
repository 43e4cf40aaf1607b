"""An operator's night at the page: signs in, moves a guest by hand by the keyboard alone, and watches it arrive."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2 as httpx
import yaml
from axe_playwright_python.sync_playwright import Axe

from deploy.lab.browser import browser
from deploy.lab.plan import MIB, GuestPlan, MigrationTimes, NodePlan, Plan, StoragePlan
from deploy.lab.plans import ACTUATOR_TOKEN, ORIGINAL_MAC
from deploy.lab.stack import Stack
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, Page, Request

    from deploy.lab.tools import Toolbox

GUEST, SOURCE, TARGET = 100, "pve2", "pve"
HALF: Final = 46
"""Percent of the migration at which it is held; the last whole second before the half."""

ARTEFACTS: Final = Path(__file__).resolve().parents[2] / ".lab" / "artefacts" / "page"
"""What a person may look at after the test."""

_DESK = {"width": 1180, "height": 790}
_PHONE = {"width": 360, "height": 740}
_ALL: Final[Mapping[str, Any]] = {}
# All that the scheme and the width of a page that was held against all rules can change.
_CONTRAST: Final[Mapping[str, Any]] = {"runOnly": ["color-contrast", "target-size"]}
_MOST_TABS = 60
_PATIENCE_SECONDS = 60.0
_LOOK_MILLISECONDS = 100

# Notes what a reader of screens would be told, and what the bar of progress showed, as it happens.
_LISTEN = """() => {
    window.heard = []; window.bars = [];
    const note = () => {
        const said = document.getElementById("said").textContent;
        if (said && said !== window.heard.at(-1)) window.heard.push(said);
        const bar = document.querySelector("progress");
        if (bar && bar.value !== window.bars.at(-1)) window.bars.push(bar.value);
    };
    note();
    new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true,
                                                       attributes: true});
}"""


def cluster() -> Plan:
    """Three nodes, of which one sleeps, and guests that may move; a migration takes long enough to be looked at."""
    disks = {number: {"scsi0": f"shared:vm-{number}-disk-0"} for number in range(100, 106)}
    guests = (
        GuestPlan(100, "pve2", "web", ("wattshift",), load=0.02, disks=disks[100]),
        GuestPlan(101, "pve2", "mail", ("wattshift",), load=0.01, disks=disks[101]),
        GuestPlan(102, "pve2", "archive", running=False, disks=disks[102]),
        GuestPlan(103, "pve3", "database", load=0.2, disks=disks[103]),
        GuestPlan(104, "pve3", "build", ("wattshift",), load=0.0, disks=disks[104]),
    )
    return Plan(
        nodes=(
            NodePlan("pve", 1, ORIGINAL_MAC, on=False, wakeonlan=ORIGINAL_MAC),
            NodePlan("pve2", 2, "04:42:1a:e7:5a:a0", wakeonlan="04:42:1a:e7:5a:a0"),
            NodePlan("pve3", 3, "04:42:1a:e7:5a:a1", wakeonlan="04:42:1a:e7:5a:a1"),
        ),
        guests=guests,
        storages=(StoragePlan("shared", "nfs", shared=True), StoragePlan("local", "dir", shared=False)),
        tokens=(ACTUATOR_TOKEN,),
        migration=MigrationTimes(bytes_per_second=640 * MIB),
    )


@dataclass
class Journey:
    """What came of it.

    Attributes:
        lab: As it was left.
        host: Of the actuator's page, with its port.
        asked: Addresses that the browser asked for anything.
        errors: What the pages' scripts complained of.
        tabs: What had the focus, one key press after the other.
        heard: What a reader of screens was told.
        bars: What the bar of progress showed, in percent.
        findings: Page -> what axe found wrong with it.
        widths: Page -> how wide it was on a phone, in CSS pixels.
        texts: Page -> what stood there.
    """

    lab: Lab
    host: str
    asked: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    tabs: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    bars: list[float] = field(default_factory=list)
    findings: dict[str, list[str]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@contextmanager
def travelled(toolbox: Toolbox, directory: Path) -> Iterator[Journey]:
    """Make the journey, and keep its lab up to be looked at."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    _write_thresholds(directory / "stack" / "rules" / "more-thresholds.yml")
    with (
        Lab(cluster(), directory / "lab") as lab,
        Stack(lab, toolbox, directory / "stack", actuator_changes={"guests": {"vmids": [100, 101, 103]}}) as stack,
        browser(toolbox, directory / "browser") as program,
    ):
        yield _Traveller(stack, program, Journey(lab, stack.addresses.actuator)).travel()


def _write_thresholds(file: Path) -> None:
    """The shipped file has one for pve2; here every node has one."""
    record = "wattshift:node_threshold_watts"
    rules = [
        {"record": record, "expr": f"vector({watts})", "labels": {"node": node, "source": "dcmi"}}
        for node, watts in {"pve": 12, "pve3": 9}.items()
    ]
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump({"groups": [{"name": "more-thresholds", "rules": rules}]}), encoding="utf-8")


class _Traveller:
    """Goes from page to page and writes down what is there."""

    def __init__(self, stack: Stack, program: Browser, journey: Journey) -> None:
        self._stack = stack
        self._program = program
        self._journey = journey
        self._axe = Axe()

    def travel(self) -> Journey:
        """Go."""
        desk, phone = self._screen(_DESK, "light"), self._screen(_PHONE, "dark")
        page, pocket = self._opened(desk), self._opened(phone)
        self._look(page, "sign-in")
        for each in (page, pocket):
            each.locator("#token").type(self._stack.tokens["operator"])
            self._enter(each)
        self._until(lambda: page.locator("meter").count() > 1, "watts against a threshold")
        self._order_dry()
        self._until(lambda: page.locator("#history .state.skipped").count() > 0, "what was decided against")
        self._look(page, "overview", rules=None)

        self._tab_to(page, f"move-{GUEST}")
        self._enter(page)
        self._tab_to(page, "target_node")
        page.keyboard.type(TARGET)
        self._tab_to(page, "plan")
        self._enter(page)
        self._look(page, "plan")
        self._tab_to(page, "confirm")
        self._journey.lab.hold_migrations(held=True)
        self._enter(page)
        self._journey.lab.set_load(GUEST, 0.6)  # over the threshold: the alert finds the guest under way
        page.evaluate(_LISTEN)
        self._until(lambda: page.locator(f"progress[value='{HALF}']").count() > 0, "half of the migration")
        self._look(page, "job-under-way")
        self._look(pocket, "phone-under-way", width=True, rules=_CONTRAST)
        self._spread(desk)
        self._journey.lab.hold_migrations(held=False)
        self._until(lambda: "succeeded" in page.title(), "the end of the move")
        self._journey.heard = page.evaluate("window.heard")
        self._journey.bars = page.evaluate("window.bars")
        self._look(page, "job-over")
        self._until(lambda: pocket.locator("#history .state.succeeded").count() > 0, "the history")
        self._look(pocket, "phone-over", width=True, rules=None)
        pocket.goto(page.url)
        self._look(pocket, "phone-job", width=True, rules=_CONTRAST)
        pocket.goto(f"http://{self._journey.host}/move?vmid={GUEST}&target_node=pve3")
        self._look(pocket, "phone-plan", width=True, rules=_CONTRAST)
        return self._journey

    def _order_dry(self) -> None:
        """Leave something in the history: what was decided and, as asked for, not done."""
        answer = httpx.post(
            f"{self._stack.url('actuator')}/api/v1/jobs",
            headers={"Authorization": f"Bearer {self._stack.tokens['operator']}"},
            json={"action": "migrate", "vmid": 103, "target_node": SOURCE, "dry_run": True},
            trust_env=False,
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text

    def _spread(self, desk: BrowserContext) -> None:
        """The picture of it all, at a desk, in light and in dark."""
        wide = self._opened(desk)
        for scheme in ("light", "dark"):
            wide.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            wide.locator("#pulse.live").wait_for()
            self._look(wide, f"overview-{scheme}", rules=_CONTRAST if scheme == "dark" else _ALL)
        wide.close()

    def _screen(self, size: Any, scheme: Any) -> BrowserContext:
        screen = self._program.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        screen.on("request", self._note)
        return screen

    def _note(self, request: Request) -> None:
        self._journey.asked.add(request.url)

    def _opened(self, screen: BrowserContext) -> Page:
        page = screen.new_page()
        page.on("pageerror", lambda error: self._journey.errors.append(str(error)))
        page.on("console", lambda said: self._journey.errors.append(said.text) if said.type == "error" else None)
        page.goto(f"http://{self._journey.host}/")
        return page

    def _look(self, page: Page, name: str, *, width: bool = False, rules: Mapping[str, Any] | None = _ALL) -> None:
        """Picture a page, write down what it says, and hold it against these rules of axe."""
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
        self._journey.texts[name] = page.inner_text("body")
        if width:
            self._journey.widths[name] = page.evaluate("document.documentElement.scrollWidth")
        if rules is None:
            return
        broken = self._axe.run(page, options=dict(rules)).response["violations"]
        self._journey.findings[name] = [
            f"{rule['id']}: {node['html']} ({node['failureSummary']})" for rule in broken for node in rule["nodes"]
        ]

    def _enter(self, page: Page) -> None:
        with page.expect_navigation():
            page.keyboard.press("Enter")

    def _tab_to(self, page: Page, wanted: str) -> None:
        for _ in range(_MOST_TABS):
            if (focused := page.evaluate("document.activeElement.id")) == wanted:
                return
            page.keyboard.press("Tab")
            self._journey.tabs.append(focused)
        raise AssertionError(f"{wanted} cannot be reached by the keyboard: {self._journey.tabs}")

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        page = self._program.contexts[0].pages[0]
        while not reached():
            assert time.monotonic() < deadline, f"waited in vain for {what}: {page.inner_text('body')}"
            self._stack.keep_up()
            page.wait_for_timeout(_LOOK_MILLISECONDS)  # lets the browser's events in, too
