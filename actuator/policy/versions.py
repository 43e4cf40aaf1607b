"""Versions of Proxmox VE, as ``GET /nodes/{node}/version`` gives them: ``7.4-17``, ``8.4.1``, ``9.1.9``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VERSION = re.compile(r"\d+(?:[.-]\d+)*")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version; ordered by its numbers.

    Attributes:
        numbers: Major, minor, and what follows.
        text: As Proxmox writes it.
    """

    numbers: tuple[int, ...]
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read a version; None for what begins with no number."""
        found = _VERSION.match(text)
        if found is None:
            return None
        return cls(tuple(int(part) for part in re.split(r"[.-]", found[0])), found[0])

    def __str__(self) -> str:
        return self.text or ".".join(map(str, self.numbers))


CONNTRACK_STATE = Version((9, 0))
"""From here on a migration takes ``with-conntrack-state``; before, the parameter is an error."""
