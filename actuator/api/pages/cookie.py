"""The cookie that holds a session's key (RFC 6265bis): for this actuator alone, and out of reach of any script."""

from fastapi import Request, Response

_HOST_PREFIX = "__Host-"
"""A browser takes such a name only over TLS and from this very host, so that no neighbour can plant one."""


def key_of(request: Request) -> str | None:
    """Return the key that this request brought, or None."""
    return request.cookies.get(_name(request))


def put(response: Response, request: Request, key: str, seconds: int) -> None:
    """Let the browser keep a key for so long; no time at all makes it forget the one that it has."""
    response.set_cookie(
        _name(request), key, max_age=seconds, path="/", secure=_over_tls(request), httponly=True, samesite="strict"
    )


def take_back(response: Response, request: Request) -> None:
    """Let the browser forget its key."""
    put(response, request, "", 0)


def _name(request: Request) -> str:
    # Browsers hold no port against a cookie, and two actuators may stand on one machine, or behind one name.
    _, port = request.scope.get("server") or (None, None)
    name = f"wattshift-{port or 'socket'}"
    return f"{_HOST_PREFIX}{name}" if _over_tls(request) else name


def _over_tls(request: Request) -> bool:
    return request.url.scheme == "https"
