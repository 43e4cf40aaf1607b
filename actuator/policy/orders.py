"""What somebody asked for, whoever asked and in whatever form it came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The actions the actuator knows."""

    MIGRATE = "migrate"
    WAKE = "wake"


@dataclass(frozen=True, slots=True)
class Order:
    """One request, before anything of the cluster is known.

    Attributes:
        action: What to do.
        node: The source node of a migration. For a wake: the node to wake when ``target_node`` is absent.
        vmid: The guest, or None to choose among the guests that carry the configured tag.
        target_node: Where to, or None to choose. For a wake: the node to wake.
        dry_run: Decide and record, but do nothing.
        requested_by: The name of the token that asked.
    """

    action: Action
    node: str | None
    vmid: int | None = None
    target_node: str | None = None
    dry_run: bool = False
    requested_by: str = ""
