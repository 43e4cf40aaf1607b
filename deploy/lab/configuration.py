"""The configuration files a user would deploy, with the lab's addresses and a shorter minute."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPLOY = Path(__file__).resolve().parent.parent

# A whole minute, alone or as a PromQL range: never the tail of 11m, never part of a name.
_MINUTE = re.compile(r"(?<![\w.])1m(?!\w)")


@dataclass(frozen=True, slots=True)
class Windows:
    """How much faster than life the lab is.

    Attributes:
        minute: What a minute of the power rule becomes.
        interval: Between two scrapes, and two evaluations of the rules.
        group_interval: Of Alertmanager.
        repeat_interval: Of Alertmanager.
    """

    minute: str = "10s"
    interval: str = "1s"
    group_interval: str = "2s"
    repeat_interval: str = "20s"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything of one lab listens, as host:port."""

    prometheus: str
    alertmanager: str
    actuator: str
    exporters: Mapping[str, str]


def write_prometheus(into: Path, addresses: Addresses, windows: Windows, *, may_sleep: Sequence[str]) -> Path:
    """Write prometheus.yml and its rules below ``into``; return the file."""
    document = _load("prometheus/prometheus.yml")
    document["global"] = {"scrape_interval": windows.interval, "evaluation_interval": windows.interval}
    document["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [addresses.alertmanager]}]}]
    targets = {
        "wattshift-exporter": [
            {"targets": [address], **({"labels": {"may_sleep": "true"}} if node in may_sleep else {})}
            for node, address in addresses.exporters.items()
        ],
        "wattshift-actuator": [{"targets": [addresses.actuator]}],
    }
    for job in document["scrape_configs"]:
        job.pop("scrape_interval", None)
        job.pop("scrape_timeout", None)
        job["static_configs"] = targets[job["job_name"]]
    for rules in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml")):
        shorter = _shorten(_load(f"prometheus/rules/{rules.name}"), windows)
        _dump(into / "rules" / rules.name, shorter)
    return _dump(into / "prometheus.yml", document)


def write_alertmanager(into: Path, addresses: Addresses, windows: Windows, token_file: Path) -> Path:
    """Write alertmanager.yml below ``into``; return it."""
    document = _load("alertmanager/alertmanager.yml")
    for route in document["route"]["routes"]:
        route["group_interval"] = windows.group_interval
        route["repeat_interval"] = windows.repeat_interval
    for receiver in document["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = f"http://{addresses.actuator}/api/v1/alerts"
            webhook["http_config"]["authorization"]["credentials_file"] = str(token_file)
    return _dump(into / "alertmanager.yml", document)


def write_actuator(into: Path, *layers: Mapping[str, Any]) -> Path:
    """Write actuator.yml below ``into``: the shipped example with the layers laid over it in turn; return it."""
    document = _load("actuator/actuator.yml")
    for layer in layers:
        document = _merged(document, layer)
    return _dump(into / "actuator.yml", document)


def _shorten(document: dict[str, Any], windows: Windows) -> dict[str, Any]:
    for group in document["groups"]:
        if "interval" in group:
            minutely = _MINUTE.fullmatch(group["interval"])
            group["interval"] = windows.minute if minutely else windows.interval
        for rule in group["rules"]:
            for key in ("expr", "for", "keep_firing_for"):
                if key in rule:
                    rule[key] = _MINUTE.sub(windows.minute, rule[key])
    return document


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged; a value of None takes the key away; anything else replaces."""
    result = dict(under)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return document


def _dump(path: Path, document: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=1000))
    return path
