"""The published API schema: which calls exist in a version, with which parameters and permissions.

That of 7.4 was not kept by anybody we could find. It is made of its neighbours': calls that 7.2 and 8.2 describe alike
were the same in between, and of the few that differ, pve-manager's changelog says when they changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.lab.pve.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.lab.plan import PveVersion

_FOLDER = Path(__file__).resolve().parent.parent / "schema"

# Published, but not among the recorded part of the schema (PVE::API2::ClusterConfig).
_UNRECORDED: Mapping[str, Mapping[str, Any]] = {
    "GET /cluster/config/qdevice": {
        "parameters": {"additionalProperties": 0, "properties": {}},
        "permissions": {"check": ["perm", "/", ["Sys.Audit"]]},
        "proxyto": None,
    }
}

# What 7.4 has of 8.2: a log may be downloaded (pve-manager 7.3-5), everybody may ask for options (7.2-14).
_NEWER_IN_7_4 = ("GET /nodes/{node}/tasks/{upid}/log", "GET /cluster/options")


@dataclass(frozen=True, slots=True)
class Method:
    """One call of the API.

    Attributes:
        key: ``GET /nodes/{node}/status``.
        properties: Parameter -> its schema.
        permissions: Who may call it.
        proxied: Whether it is answered by the node it names.
    """

    key: str
    properties: Mapping[str, Mapping[str, Any]]
    permissions: Mapping[str, Any]
    proxied: bool


class Schema:
    """The calls of one Proxmox VE version."""

    def __init__(self, document: Mapping[str, Mapping[str, Any]]) -> None:
        self._methods = {
            key: Method(
                key,
                entry["parameters"].get("properties", {}),
                entry["permissions"],
                proxied=entry["proxyto"] == "node",
            )
            for key, entry in document.items()
        }

    def find(self, verb: str, segments: list[str]) -> tuple[Method, dict[str, str]]:
        """Return the call behind a path and the parameters that the path itself carries.

        Raises:
            Refusal: 501, there is no such call.
        """
        best: tuple[int, Method, dict[str, str]] | None = None
        for key, method in self._methods.items():
            key_verb, _, template = key.partition(" ")
            names = template.strip("/").split("/")
            if key_verb != verb or len(names) != len(segments):
                continue
            captured = {
                name[1:-1]: segment for name, segment in zip(names, segments, strict=True) if name.startswith("{")
            }
            fits = all(name.startswith("{") or name == segment for name, segment in zip(names, segments, strict=True))
            # /ha/status/current and /ha/{a}/{b} would both fit: the more literal one is meant.
            if fits and (best is None or len(captured) < best[0]):
                best = (len(captured), method, captured)
        if best is None:
            raise Refusal(501, f"Method '{verb} /{'/'.join(segments)}' not implemented")
        return best[1], best[2]


def document(version: PveVersion) -> dict[str, dict[str, Any]]:
    """Return the calls of a version as they are published, by ``GET /path``."""
    if version == "7.4":
        newer = document("8.2.5")
        return {**document("7.2"), **{key: newer[key] for key in _NEWER_IN_7_4}}
    published: dict[str, dict[str, Any]] = json.loads((_FOLDER / f"pve-{version}.json").read_text())
    return published


@cache
def load(version: PveVersion) -> Schema:
    """Return the schema of a version."""
    return Schema({**document(version), **_UNRECORDED})
