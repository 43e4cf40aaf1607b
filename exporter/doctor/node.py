"""The node's name: alerts and guests are joined on it, so it must be the one that Proxmox uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, add_flag, ok, problem, warning
from exporter.doctor.where import names

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.doctor.where import Where

TITLE = "Node"


@dataclass(frozen=True, slots=True)
class Facts:
    """The name in use, Proxmox's name for this node, and all nodes of the cluster."""

    node: str
    local: str | None
    nodes: tuple[str, ...]


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where))


def read(where: Where) -> Facts:
    """Gather the facts; ``/etc/pve/local`` is a link to this node's folder (pmxcfs(8))."""
    pve = where.cluster
    return Facts(where.settings.node, local_node(pve), tuple(names(pve / "nodes")))


def local_node(pve: Path) -> str | None:
    """Return Proxmox's name for this node, or None when it does not say."""
    try:
        return (pve / "local").readlink().name
    except OSError:
        return None


def judge(facts: Facts) -> list[Finding]:
    """Say what the facts mean."""
    if not facts.nodes and facts.local is None:
        return [absent(f"called {facts.node}; no Proxmox node, or its cluster file system is not mounted")]
    if facts.local is None:
        if facts.node in facts.nodes:
            return [ok(f"called {facts.node}, as one of Proxmox's nodes")]
        return [warning(f"called {facts.node}, but Proxmox's nodes are {', '.join(facts.nodes)}")]
    if facts.local != facts.node:
        return [
            problem(
                f"called {facts.node}, but Proxmox calls it {facts.local}: alerts would name a node nobody knows",
                *add_flag(f"--node={facts.local}"),
            )
        ]
    return [ok(f"called {facts.node}, as in Proxmox")]
