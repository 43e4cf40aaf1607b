"""What every answer tells a browser: load nothing from elsewhere, show it in no frame, guess no type, keep no copy.

An answer that needs something else says so by the same header, as a page does with its own Content-Security-Policy.
Values as of https://owasp.org/www-project-secure-headers/.
"""

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_OVER_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}
"""Only where TLS is spoken: over plain HTTP it is to be ignored (RFC 6797, 7.2)."""


def protective(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of the answer to a request."""
    return _ALWAYS | _OVER_TLS if scope.get("scheme") == "https" else dict(_ALWAYS)


class Protected:
    """Adds them to what the application answers, as far as it does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in protective(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)
