"""A page as an answer: rendered, and with a policy that lets it use our own files, send our own forms, and no more."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import HTMLResponse

from actuator.web.rendering import render

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **facts: Any) -> HTMLResponse:
    """Return a page.

    Args:
        template: The name of its template.
        status: Of the answer.
        headers: Further ones.
        facts: What the template shows.
    """
    return HTMLResponse(
        render(template, **facts), status, headers={"Content-Security-Policy": _POLICY, **(headers or {})}
    )
