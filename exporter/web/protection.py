"""What stands before the pages by one reading of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from exporter.web import tls
from exporter.web.basic_auth import Doorkeeper, load_bcrypt
from exporter.web.page import Answer
from exporter.web.rate_limit import RateLimiter
from exporter.web.tls_config import REQUIRE_AND_VERIFY

if TYPE_CHECKING:
    import ssl
    from email.message import Message

    from exporter.web.config import WebConfig

_WHO = {"WWW-Authenticate": 'Basic realm="wattshift-exporter", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Protection:
    """A configuration in force: with TLS there is a context, with users a doorkeeper, with a rate limit a limiter."""

    config: WebConfig
    context: ssl.SSLContext | None
    doorkeeper: Doorkeeper | None
    limiter: RateLimiter | None

    def refusal(self, headers: Message) -> Answer | None:
        """Return what a request with these headers is answered instead of a page; None when it may have the page."""
        if self.limiter is not None and not self.limiter.allows():
            return Answer(b"Too many requests; rate_limit is configured here.\n", status=HTTPStatus.TOO_MANY_REQUESTS)
        if self.doorkeeper is None:
            return None
        verdict = self.doorkeeper.admits(headers.get("Authorization"))
        if verdict is None:
            return Answer(b"Too many passwords are being checked.\n", status=HTTPStatus.SERVICE_UNAVAILABLE)
        if not verdict:
            return Answer(b"A user and a password are needed.\n", status=HTTPStatus.UNAUTHORIZED, headers=_WHO)
        return None


def make_protection(config: WebConfig, before: Protection | None) -> Protection:
    """Return the protection that ``config`` describes, with what ``before`` remembers where nothing changed.

    Raises:
        DocumentError: a file of TLS is not what it should be.
        NoBcrypt: there are users, and nothing here can check their passwords.
    """
    context = doorkeeper = limiter = None
    if config.tls is not None:
        context = tls.make_context(config.tls)
    if config.users:
        same = before is not None and before.config.users == config.users
        doorkeeper = before.doorkeeper if before and same else Doorkeeper(config.users, load_bcrypt())
    if config.rate_limit is not None:
        same = before is not None and before.config.rate_limit == config.rate_limit
        limit = config.rate_limit
        limiter = before.limiter if before and same else RateLimiter(limit.interval, limit.burst)
    return Protection(config, context, doorkeeper, limiter)


def safeguards(config: WebConfig) -> set[str]:
    """Return what ``config`` keeps strangers away with, by the keys of the file."""
    found = set()
    if config.tls is not None:
        found.add("tls_server_config")
        if config.tls.client_ca_file is not None:
            found.add("client_ca_file")
        if config.tls.client_auth_type == REQUIRE_AND_VERIFY:
            found.add(f"client_auth_type: {REQUIRE_AND_VERIFY}")
        if config.tls.client_allowed_sans is not None:
            found.add("client_allowed_sans")
    if config.users:
        found.add("basic_auth_users")
    return found
