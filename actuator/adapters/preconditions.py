"""Proxmox's own view of a move, in the shapes that its versions give it.

* Virtual machines: ``local_disks`` and ``local_resources`` always; ``allowed_nodes`` and ``not_allowed_nodes`` for
  running ones only since PVE 8.4.
* Containers: since PVE 9.0 alone, with hyphens (``allowed-nodes``), and without disks or resources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.adapters import fields
from actuator.policy.cluster import Preconditions, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HA_BLOCKERS = "blocking-ha-resources"


def preconditions_of(answer: object) -> Preconditions:
    """From ``GET /nodes/{node}/qemu/{vmid}/migrate`` or ``GET /nodes/{node}/lxc/{vmid}/migrate``.

    ``not_allowed_nodes`` has every other node as a key, with an empty value when nothing is in the way.

    Raises:
        UnexpectedShape: The answer has another shape.
    """
    entry = fields.entry(answer)
    allowed = _either(entry, "allowed_nodes")
    refused = {
        str(node): fields.entry(why) for node, why in fields.entry(_either(entry, "not_allowed_nodes") or {}).items()
    }
    obstacles = {node: tuple(_obstacles(why)) for node, why in refused.items()}
    blockers = {node: fields.sequence(why.get(_HA_BLOCKERS) or []) for node, why in refused.items()}
    apart = {node: tuple(_sids(item for item in found if not _about_nodes(item))) for node, found in blockers.items()}
    return Preconditions(
        running=fields.flag(entry, "running"),
        allowed_nodes=None if allowed is None else frozenset(str(node) for node in fields.sequence(allowed)),
        obstacles={node: found for node, found in obstacles.items() if found},
        local_disks=tuple(_local_disk(disk) for disk in fields.entries(entry.get("local_disks") or [])),
        local_resources=tuple(str(name) for name in fields.sequence(entry.get("local_resources") or [])),
        ha_blockers={node: found for node, found in apart.items() if found},
        ha_forbidden=frozenset(node for node, found in blockers.items() if any(map(_about_nodes, found))),
        ha_dependents=tuple(_sids(fields.sequence(entry.get("dependent-ha-resources") or []))),
    )


def _either(entry: Mapping[str, Any], name: str) -> object:
    return entry.get(name, entry.get(name.replace("_", "-")))


def _obstacles(details: Mapping[str, Any]) -> list[str]:
    """What is in the way of one target, as words: storages, mappings; HA's affinity stands apart."""
    found: list[str] = []
    for kind, items in sorted(details.items()):
        words = kind.replace("_", " ").replace("-", " ")
        if kind != _HA_BLOCKERS:
            found += [f"{words}: {item}" for item in fields.sequence(items)]
    return found


def _about_nodes(blocker: object) -> bool:
    """Whether a rule about nodes blocks; it names the guest's own service (``PVE/HA/Helpers.pm``)."""
    return isinstance(blocker, dict) and blocker.get("cause") == "node-affinity"


def _sids(items: Iterable[object]) -> list[str]:
    """HA services: as names, or as objects with a ``sid``."""
    return [str(item.get("sid") if isinstance(item, dict) else item) for item in items]


def _local_disk(disk: Mapping[str, Any]) -> Volume:
    return Volume(
        fields.text(disk, "volid"),
        fields.size(disk.get("size")),
        cdrom=bool(fields.number(disk, "cdrom")),
        replicate=bool(fields.number(disk, "replicate")),
    )
