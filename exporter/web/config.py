"""``--web.config.file``: who may see the pages, and how.

The format is that of Prometheus's exporters:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.document import DocumentError, parse
from exporter.web import tls_config
from exporter.web.section import Section

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.web.tls_config import TlsConfig

HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
"""The headers that may be asked for, and their values where only some make sense (exporter-toolkit, web/handler.go)."""
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 16)  # bcrypt's least, and what takes one or two seconds


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``burst`` requests at once, and one more each ``interval`` seconds."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says; ``users`` have bcrypt hashes, and nobody needs a password when there are none."""

    tls: TlsConfig | None = None
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None


def read(text: str, folder: Path) -> WebConfig:
    """Return what ``text`` says; relative paths in it are relative to ``folder``.

    Raises:
        DocumentError: with the line and what was expected there.
    """
    sections = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
    root = Section(parse(text), "this file", sections)
    http = root.section("http_server_config", ("http2", "headers"))
    http.switch("http2", default=True)  # it may be wanted or not: HTTP/1.1 is spoken, which every client can
    return WebConfig(
        tls=tls_config.read(root.section("tls_server_config", tls_config.KEYS), folder),
        users=_users(root.section("basic_auth_users")),
        headers=_headers(http.section("headers", HEADERS)),
        rate_limit=_rate_limit(root.section("rate_limit", ("interval", "burst"))),
    )


def _users(section: Section) -> Mapping[str, str]:
    users = {}
    for user, entry in section.entries.items():
        if ":" in user:
            raise DocumentError(entry.line, "expected a user name without a colon, which HTTP has no way to say")
        match = _BCRYPT.fullmatch(entry.value) if isinstance(entry.value, str) else None
        if match is None:  # what stands there may be a password: it is not repeated
            raise DocumentError(entry.line, "expected a user's bcrypt hash, as 'htpasswd -nBC 10 USER' makes it")
        if int(match[1]) not in _COSTS:
            raise DocumentError(
                entry.line, f"expected a bcrypt cost from {_COSTS[0]} to {_COSTS[-1]}: above, a check outlasts a scrape"
            )
        users[user] = match[0]
    return users


def _headers(section: Section) -> Mapping[str, str]:
    headers = {}
    for name, allowed in HEADERS.items():
        if name not in section.entries:
            continue
        value = section.text(name) or ""
        if allowed and value not in allowed:
            raise section.error(name, " or ".join(allowed))
        if not (value.isascii() and value.isprintable()):
            raise section.error(name, "printable ASCII")
        if value:
            headers[name] = value
    return headers


def _rate_limit(section: Section) -> RateLimit | None:
    interval, burst = section.seconds("interval"), section.number("burst")
    if not interval:
        return None
    if not burst:
        raise DocumentError(section.line, "expected a burst of 1 or more in rate_limit: with 0 no request passes")
    return RateLimit(interval, burst)
