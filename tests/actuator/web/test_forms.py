"""What changes something comes from a form of the page, sent by whoever is signed in and may operate."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from actuator.api.pages.application import PAGES
from actuator.api.pages.route import PageRoute
from tests.actuator.api.world import READ_TOKEN, World
from tests.actuator.web.visits import FORM, Read, Visitor, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGING = [
    "/move",
    "/jobs/x/cancel",
    "/nodes/pve/wake",
    "/nodes/pve/clear-quarantine",
    "/pause",
    "/resume",
]
OPEN = {"/sign-in", "/sign-out"}


def pages() -> Iterator[tuple[str, str]]:
    """Method and address of every page there is."""
    for router in PAGES:
        for route in router.routes:
            assert isinstance(route, PageRoute)
            for method in route.methods or ():
                yield method, route.path.replace("{job_id}", "x").replace("{node}", "pve")


def test_every_page_asks_who_is_there(world: World) -> None:
    """No page and no button is open, but for the door: one that forgets to ask is found here."""
    found = [(method, path) for method, path in pages() if path not in OPEN]
    stranger = Visitor(world)

    assert {path for method, path in found if method == "POST"} == set(CHANGING)
    assert {"/", "/jobs/x", "/move", "/live"} == {path for method, path in found if method == "GET"}
    for method, path in found:
        answer = stranger.client.request(method, path, follow_redirects=False, headers=FORM)

        assert answer.status_code == (303 if method == "GET" else 401), f"{method} {path}"
    assert (world.store.jobs(), world.store.paused()) == ([], None)


def test_a_form_of_nobodys_does_nothing(world: World, operator: Visitor) -> None:
    """Without the session's key for forms, or with another session's, nothing is done: another site knows neither."""
    other = Visitor(world)
    other.sign_in()
    theirs = next(form for form in other.open().forms if form.action == "/pause").fields["form_key"]
    full = {"reason": "x", "vmid": "100", "target_node": "pve"}
    forms = (full, full | {"form_key": ""}, full | {"form_key": "å"}, full | {"form_key": theirs})
    for path, fields in product(CHANGING, forms):
        answer = operator.client.post(path, data=fields)

        assert answer.status_code == 403
        assert "belongs to another session" in Read(answer.text).text
    assert (world.store.jobs(), world.store.paused()) == ([], None)


def test_a_form_of_another_site_does_nothing(operator: Visitor) -> None:
    """Where the browser says that another site made it send a form, it is refused whatever it holds."""
    fields = next(form for form in operator.open().forms if form.action == "/pause").fields
    for path, site in product([*CHANGING, "/sign-in", "/sign-out"], ("cross-site", "same-site")):
        answer = operator.client.post(path, data=fields, headers={"Sec-Fetch-Site": site})

        assert answer.status_code == 403
        assert "Another site" in Read(answer.text).text
    assert operator.client.get("/", follow_redirects=False).status_code == 200


def test_who_may_only_look_does_nothing(world: World) -> None:
    """A token that may look is told which scope it lacks, and its pages offer no such button."""
    reader = Visitor(world)
    reader.sign_in(READ_TOKEN)
    for path in CHANGING:
        answer = reader.client.post(path, data={"reason": "x"})

        assert answer.status_code == 403, path
        assert "lacks the scope 'operate'" in Read(answer.text).text
    shown = [form.action for page in ("/", "/move?vmid=100&target_node=pve3") for form in reader.open(page).forms]
    assert set(shown) == {"/sign-out", "/move"}
    assert {form.method for form in reader.open("/move?vmid=100&target_node=pve3").forms} == {"post", "get"}
    assert "sign in with one that has the scope operate" in reader.open().text


def test_what_is_no_form_of_ours(operator: Visitor) -> None:
    """Whatever else is sent is refused with a sentence, as a page."""
    form = FORM["Content-Type"]
    for content, kind, status in (
        (b"{}", "application/json", 415),
        (b"x=" + b"y" * 20_000, form, 413),
        (b"&".join([b"x=1"] * 30), form, 400),
        (b"\xff\x00%ff=%fe", form, 403),
    ):
        answer = operator.client.post("/pause", content=content, headers={"Content-Type": kind})

        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/html")


def test_refusals_are_counted(world: World, operator: Visitor) -> None:
    """What a page refuses is in the metrics and the log as what the API refuses is."""
    operator.client.post("/pause", data={"reason": "x"})

    assert 'wattshift_requests_refused_total{status="403"} 1.0' in operator.client.get("/metrics").text
    assert parts(world).watching == 0


def test_pages_are_not_in_the_api_document(world: World) -> None:
    """The API's document tells of the API alone, which is all that a program needs."""
    assert not {path for path in world.app.openapi()["paths"] if not path.startswith(("/api/", "/-/", "/metrics"))}
    assert "/" not in world.app.openapi()["paths"]
