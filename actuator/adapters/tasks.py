"""A Proxmox task and its identity, the UPID (``PVE/UPID.pm``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UPID = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:(?P<starttime>[0-9A-Fa-f]{8}):"
    r"(?P<kind>[^:\s]+):(?P<subject>[^:\s]*):(?P<user>[^:\s]+):"
)
_WARNINGS = re.compile(r"WARNINGS: \d+")
HA_REQUEST = "hamigrate"
"""The kind that ends as soon as HA has queued the request; the migration that follows is of another kind."""
MIGRATION_KINDS = frozenset({"qmigrate", "vzmigrate", HA_REQUEST})
"""The first moves a virtual machine, the second a container."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task at one moment (``GET /nodes/{node}/tasks`` and ``.../tasks/{upid}/status``).

    Attributes:
        upid: Its identity.
        exit_status: How it ended (``OK``, ``WARNINGS: 1``, an error), or None while it runs.
    """

    upid: str
    exit_status: str | None

    @property
    def running(self) -> bool:
        """Whether it runs still."""
        return self.exit_status is None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well; warnings are no failure."""
        return self.exit_status is not None and (
            self.exit_status == "OK" or _WARNINGS.fullmatch(self.exit_status) is not None
        )

    @property
    def started_at(self) -> int:
        """When it began by its own node's clock, unix seconds."""
        return int(_parts(self.upid)["starttime"], 16)

    @property
    def kind(self) -> str:
        """Its type, such as ``qmigrate``."""
        return kind_of(self.upid)


def is_upid(text: object) -> bool:
    """Whether this is a UPID."""
    return isinstance(text, str) and _UPID.fullmatch(text) is not None


def node_of(upid: str) -> str:
    """The node on which the task runs; for a migration, the source.

    Raises:
        ValueError: This is no UPID.
    """
    return _parts(upid)["node"]


def kind_of(upid: str) -> str:
    """The task's type.

    Raises:
        ValueError: This is no UPID.
    """
    return _parts(upid)["kind"]


def _parts(upid: str) -> dict[str, str]:
    found = _UPID.fullmatch(upid)
    if found is None:
        raise ValueError(f"{upid!r} is not a Proxmox task id")
    return found.groupdict()
