"""A browser without a screen or a script at the page: signs in, opens pages, and presses what it finds there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from actuator.api.nodes import list_nodes
from actuator.api.pages.sessions import Sessions
from actuator.api.pages.sight import Sight
from actuator.policy.power import Power
from tests.actuator.api.world import OPERATE_TOKEN, RULES, World
from tests.actuator.policy import samples

if TYPE_CHECKING:
    from pathlib import Path

    from actuator.api.pages.parts import Parts

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

HOSTILE = "<script>alert(1)</script>"
"""What a guest's owner may call it, as far as we know."""

THREE_NODES = samples.cluster(
    samples.ASLEEP,
    samples.SOURCE,
    samples.AWAKE.__class__("pve3", online=True),
    guests=(samples.GUEST, replace(samples.GUEST, vmid=101, name=HOSTILE, status="stopped")),
    quorate=True,
)


def shop(folder: Path) -> World:
    """A world of three nodes, of which one sleeps, whose sessions go by the test's own clock."""
    world = World(folder, rules=replace(RULES, nodes=frozenset({"pve", "pve2", "pve3"})))
    world.cluster = THREE_NODES
    world.power = Power({"pve2": 84.5}, {"pve2": 90.0}, {100: 31.0})
    parts(world).sessions = Sessions(clock=world.clock)
    parts(world).sight = Sight(lambda: list_nodes(world.app.state.services), clock=world.clock, fresh_seconds=0.0)
    parts(world).poll_seconds = 0.01
    return world


def parts(world: World) -> Parts:
    """What the pages have of their own."""
    found: Parts = world.app.state.page
    return found


@dataclass
class Form:
    """A form as it stands on a page."""

    method: str
    action: str
    fields: dict[str, str]


class Read(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        named = {name: value or "" for name, value in attrs}
        self.tags.append((tag, named))
        if tag == "form":
            self.forms.append(Form(named.get("method", "get"), named["action"], {}))
        if tag in {"input", "select"} and self.forms:
            self.forms[-1].fields[named["name"]] = named.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.words.extend(data.split())

    @property
    def text(self) -> str:
        """What a person reads, in one line."""
        return " ".join(self.words)

    def values(self, tag: str, name: str) -> list[str]:
        """An attribute of every such tag that has it."""
        return [attributes[name] for found, attributes in self.tags if found == tag and name in attributes]


class Visitor:
    """Somebody at the page; not signed in at first."""

    def __init__(self, world: World, *, scheme: str = "http") -> None:
        self.client = TestClient(world.app, base_url=f"{scheme}://testserver", raise_server_exceptions=False)

    def sign_in(self, token: str = OPERATE_TOKEN) -> Any:
        """Present a token; returns the answer."""
        return self.client.post("/sign-in", data={"token": token}, follow_redirects=False)

    def open(self, path: str = "/") -> Read:
        """Open a page that is there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return Read(answer.text)

    def press(self, action: str, page: str = "/", **filled: str) -> Any:
        """Send the form on a page that leads to this address, with what is filled in; go where that leads."""
        [form] = [form for form in self.open(page).forms if form.action == action]
        return self.client.request(form.method.upper(), action, data=form.fields | filled, headers=FORM)
