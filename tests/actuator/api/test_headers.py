"""What every answer tells a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

if TYPE_CHECKING:
    from tests.actuator.api.world import World

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/jobs", 200),
        ("/api/v1/jobs?limit=x", 422),
        ("/api/v1/audit", 200),
        ("/nowhere", 404),
        ("/metrics", 200),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/broken", 500),
    ],
)
def test_every_answer_is_protected(world: World, path: str, status: int) -> None:
    """Whatever an answer is, no browser guesses its type, frames it, keeps it, or loads anything on its account."""

    def broken() -> None:
        raise RuntimeError

    world.app.router.routes.append(APIRoute("/broken", broken))
    answer = world.client.get(path)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers


def test_over_tls_browsers_stay_with_tls(world: World) -> None:
    """Only an answer over TLS asks to come back over TLS alone, and a refused request's does so too."""
    client = TestClient(world.app, base_url="https://testserver")

    assert client.get("/-/healthy").headers["Strict-Transport-Security"] == "max-age=31536000"
    assert client.get("/api/v1/jobs").headers["Strict-Transport-Security"] == "max-age=31536000"


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"href", "src", "action"}:
                self.targets.append(value or "")
            if name == "id":
                self.ids.add(value or "")


def test_docs_load_nothing(world: World) -> None:
    """The reference shows every call and every model, links within itself, and has no program and no other host."""
    document = world.app.openapi()
    text = TestClient(world.app).get("/docs").text
    page = Page(text)

    assert not page.tags & {"script", "link", "img", "iframe", "form", "object"}
    assert "//" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    assert {target.removeprefix("#") for target in page.targets} <= page.ids
    assert all(target.startswith("#") for target in page.targets)
    for path, item in document["paths"].items():
        for method in item:
            assert f"<code>{method.upper()} {path}</code></h2>" in text
    assert set(document["components"]["schemas"]) <= page.ids


def test_the_page_may_use_its_own_style_and_no_other(world: World) -> None:
    """The page's policy names the hash of the style that it carries, so that a browser applies it, and nothing else."""
    answer = world.client.get("/docs")
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
