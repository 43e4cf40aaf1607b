"""The runbook as a page that Prometheus serves: ``python -m deploy.runbook`` makes it anew from docs/runbook.md.

Prometheus shows what lies in the folder of ``--web.console.templates`` under ``/consoles/``, with its own address
before it. So the link in an alert opens wherever Prometheus itself can be opened, and nobody has to say where.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "runbook.md"
PAGE = ROOT / "deploy" / "prometheus" / "consoles" / "wattshift-runbook.html"

_FRAME = """<!DOCTYPE html>
<html lang="en">
<!-- Made of docs/runbook.md by `make runbook`; edit that. -->
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Wattshift: runbook</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 1rem auto; padding: 0 1rem; }}
pre {{ overflow-x: auto; padding: .5rem 1rem; border-left: 3px solid; }}
h2:target {{ text-decoration: underline; }}
</style>
</head>
<body>
{body}</body>
</html>
"""


def anchor(heading: str) -> str:
    """What comes after the # of a link to a heading, as GitHub has it for a single word."""
    return heading.lower()


def anchors(heading: str) -> tuple[str, str]:
    """Everything that leads to a heading on the page: Grafana makes links of labels, so it has the name as it is."""
    return anchor(heading), heading


def page(markdown: str) -> str:
    """Return the runbook as HTML, each heading of an alert with its anchors.

    Prometheus runs the page as a template of Go's, so what would begin an expression there is written as entities.
    """
    parser = MarkdownIt()
    tokens = parser.parse(markdown)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            own, other = anchors(inline.content)
            opening.attrSet("id", own)
            mark = Token("html_inline", "", 0, content=f'<span id="{other}"></span>')
            inline.children = [mark, *(inline.children or [])]
    body = parser.renderer.render(tokens, parser.options, {})
    return _FRAME.format(body=body.replace("{{", "&#123;&#123;"))


if __name__ == "__main__":
    PAGE.write_text(page(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
