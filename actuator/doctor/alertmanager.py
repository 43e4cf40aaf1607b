"""Alertmanager: whether its configuration, as it runs, leads orders to us; nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.doctor.facts import Facts

TITLE = "Alertmanager"

_PATH = "/api/v1/alerts"
_HIDDEN = "<secret>"
"""What it shows in the place of a webhook's address since 0.26."""
_EDIT = "editor /etc/prometheus/alertmanager.yml && systemctl reload prometheus-alertmanager"


def check(facts: Facts) -> list[Finding]:
    """Judge the configuration that it runs with."""
    if facts.alertmanager is None:
        return [ok("not asked: without 'alertmanager' in the configuration, its route to us is not looked at")]
    if facts.alertmanager.error is not None:
        return [problem(f"{facts.alertmanager.error}: check alertmanager.url, and that it runs")]
    try:
        document = yaml.safe_load(facts.alertmanager.told)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        return [problem("its configuration cannot be read: check alertmanager.url")]
    return [judge(document, facts.settings.listen_address[1])]


def judge(document: dict[str, Any], port: int) -> Finding:
    """Say what a configuration of Alertmanager's means for us.

    Args:
        document: It.
        port: Ours; 0 when any may be.
    """
    ours: dict[str, str] = {}
    hidden, elsewhere = set(), []
    for receiver, url in _webhooks(document):
        parts = urlsplit(url)
        if url == _HIDDEN:
            hidden.add(receiver)
        elif parts.path.endswith(_PATH):
            # Without what stands before the host: a name and a password, in an Alertmanager older than 0.26.
            ours[receiver] = parts.netloc.rpartition("@")[2]
            if port and parts.port not in {port, None}:
                elsewhere.append(ours[receiver])
    routed = set(_receivers(document.get("route")))
    if called := ours.keys() & routed:
        if elsewhere:
            return warning(
                f"it calls {elsewhere[0]}, and we listen on port {port}: right only with a proxy in between", _EDIT
            )
        receiver = min(called)
        return ok(f"it routes to {ours[receiver]}, which is to be us, by the receiver {receiver}")
    if ours:
        return problem(f"no route leads to the receiver {min(ours)}, so we are never called", _EDIT)
    if hidden & routed:
        return warning(
            f"it hides where the webhooks of {', '.join(sorted(hidden & routed))} go: one of them must end in {_PATH}"
        )
    return problem(f"none of its webhooks ends in {_PATH}, so we are never called", _EDIT)


def _webhooks(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for receiver in document.get("receivers") or []:
        if isinstance(receiver, dict):
            for webhook in receiver.get("webhook_configs") or []:
                if isinstance(webhook, dict):
                    yield str(receiver.get("name")), str(webhook.get("url") or _HIDDEN)


def _receivers(route: object) -> Iterator[str]:
    if isinstance(route, dict):
        if "receiver" in route:
            yield str(route["receiver"])
        for child in route.get("routes") or []:
            yield from _receivers(child)
