"""The parts of the configuration about what watches: Prometheus knows the watts, Alertmanager calls us."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FiniteFloat

from actuator.adapters.prometheus import PrometheusAccess
from actuator.errors import ConfigurationError
from actuator.sections import Section
from actuator.values import FileName, regular_file


def _url(text: str) -> str:
    parts = urlsplit(text) if re.fullmatch(r"[!-~]+", text) else urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an address such as 'http://127.0.0.1:9090'")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without user and password: use bearer_token_file")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


class PrometheusSection(Section):
    """Key ``prometheus``: where the watts of nodes and guests are asked for; absent means that none are.

    Attributes:
        url: Its address, without ``/api/v1``.
        bearer_token_file: Holds the token that it, or the proxy before it, asks for.
        ca_file: The authority of its certificate; absent means the system's.
        timeout_seconds: How long an answer is waited for; without one power is unknown, and nothing else.
    """

    url: Url
    bearer_token_file: FileName | None = None
    ca_file: FileName | None = None
    timeout_seconds: Annotated[FiniteFloat, Field(strict=True, ge=0.1, le=10)] = 2.0


class AlertmanagerSection(Section):
    """Key ``alertmanager``: read by ``doctor`` alone, to see whether alerts find their way here.

    Attributes:
        url: Its address, without ``/api/v2``.
        ca_file: The authority of its certificate; absent means the system's.
    """

    url: Url
    ca_file: FileName | None = None


def prometheus_access(section: PrometheusSection | None) -> PrometheusAccess | None:
    """Return how Prometheus is reached, or None when it is not to be asked.

    Raises:
        ConfigurationError: a file that the section names cannot be used; the message names key and file.
    """
    if section is None:
        return None
    token = None
    try:
        if section.bearer_token_file is not None:
            key, path = "prometheus.bearer_token_file", section.bearer_token_file
            regular_file(path)
            token = path.read_text(encoding="utf-8").strip()
        if section.ca_file is not None:
            key, path = "prometheus.ca_file", section.ca_file
            regular_file(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{key}: expected a readable file at {path} ({why})") from None
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(f"prometheus.bearer_token_file: {path}: expected the token alone, and nothing else")
    return PrometheusAccess(
        url=section.url,
        bearer_token=token,
        verify=True if section.ca_file is None else str(section.ca_file),
        timeout_seconds=section.timeout_seconds,
    )
