"""Exchanges with the real Proxmox VE API code, as recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "fixtures" / "pve" / "exchanges.json"
_EXCHANGES: dict[str, Any] = json.loads(_FILE.read_text())


def recorded(name: str) -> Any:
    """The ``data`` of a recorded answer."""
    return _EXCHANGES[name]["response"]["body"]["data"]


def refusal(name: str) -> tuple[int, str, dict[str, object] | None]:
    """Status, reason phrase and per-parameter errors of a recorded answer."""
    response = _EXCHANGES[name]["response"]
    body = response["body"]
    return response["status"], response["reason"], body.get("errors") if isinstance(body, dict) else None


def log_lines(name: str) -> list[str]:
    """The lines of a recorded task log."""
    return [line["t"] for line in sorted(recorded(name), key=lambda line: line["n"])]
