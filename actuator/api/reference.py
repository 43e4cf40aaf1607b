"""``/docs``: every call, from the OpenAPI document, as one page that loads nothing from anywhere.

Open to everybody, as ``/openapi.json`` is: both say what this release can do, which is public anyway, and nothing of
the cluster. That way an error's sentence may send a person here who has no token yet.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}"
    "h2{border-top:1px solid #ccc;padding-top:1rem}code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{background:#f5f5f5;padding:.75rem;overflow:auto;max-height:24rem}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1rem .15rem 0;vertical-align:top}"
    "a{color:#0b6e4f}code{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}pre{background:#242424}a{color:#4cc795}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """Show the reference."""
    page = _page(json.dumps(request.app.openapi()))
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


@cache
def _page(document: str) -> str:
    return render(json.loads(document))


def render(document: dict[str, Any]) -> str:
    """Return the page for an OpenAPI document.

    Args:
        document: Version 3.1, whose bodies and parameters are written out where they stand.
    """
    title = f"{document['info']['title']} {document['info']['version']}"
    calls = [
        (method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    return "".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style><main><h1>{escape(title)}</h1>",
            f"<p>{escape(document['info'].get('description', ''))} ",
            "Calls under <code>/api/</code> take the header <code>Authorization: Bearer TOKEN</code>: ",
            "one with the scope <code>alert</code> to post alerts, <code>read</code> for those that look, ",
            "<code>operate</code> for those that change something. ",
            "The same for programs: <code>/openapi.json</code>.</p><ul>",
            *(f'<li><a href="#{_anchor(*call[:2])}"><code>{_name(*call[:2])}</code></a></li>' for call in calls),
            "</ul>",
            *(part for call in calls for part in _call(*call)),
            "<h1>Models</h1>",
            *(part for model in document.get("components", {}).get("schemas", {}).items() for part in _model(*model)),
            "</main>",
        ]
    )


def _call(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{_anchor(method, path)}"><code>{_name(method, path)}</code></h2>'
    yield "".join(f"<p>{escape(part)}</p>" for part in operation.get("description", "").split("\n\n"))
    if parameters := operation.get("parameters"):
        yield "<h3>Parameters</h3><table>"
        for parameter in parameters:
            yield (
                f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
                f"<td>{escape(parameter.get('description', ''))} <code>{_short(parameter['schema'])}</code></td></tr>"
            )
        yield "</table>"
    if body := operation.get("requestBody"):
        for kind, content in body["content"].items():
            yield f"<h3>Body, {escape(kind)}</h3><pre tabindex=0>{_long(content['schema'])}</pre>"
    yield "<h3>Answers</h3><table>"
    for status, answer in sorted(operation["responses"].items()):
        shapes = " ".join(f"<code>{_short(content['schema'])}</code>" for content in _contents(answer))
        yield f"<tr><td>{escape(status)}</td><td>{escape(answer.get('description', ''))}</td><td>{shapes}</td></tr>"
    yield "</table>"
    for answer in operation["responses"].values():
        for schema in (content["schema"] for content in _contents(answer)):
            if "properties" in schema:
                yield f"<h3>{escape(schema['title'])}</h3><pre tabindex=0>{_long(schema)}</pre>"


def _contents(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [content for content in answer.get("content", {}).values() if content.get("schema")]


def _model(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2><pre tabindex=0>{_long(schema)}</pre>'


def _name(method: str, path: str) -> str:
    return f"{method.upper()} {escape(path)}"


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}-{path.strip('/').replace('/', '-')}")


def _short(schema: dict[str, Any]) -> str:
    if (reference := schema.get("$ref")) is not None:
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "properties" in schema:
        return escape(schema["title"])
    return escape(json.dumps({key: value for key, value in schema.items() if key not in {"title", "description"}}))


def _long(schema: dict[str, Any]) -> str:
    return escape(json.dumps(schema, indent=2))
