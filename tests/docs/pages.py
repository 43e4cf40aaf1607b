"""Which pages there are, and in which order their commands are run."""

from __future__ import annotations

from typing import Final

from tests.deploy.source_tree import ROOT

PAGES: Final = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")),
        *(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "reference"),
        *(ROOT / "deploy").rglob("*.md"),
        *(ROOT / "grafana").rglob("*.md"),
    ]
)
"""Every page that a person reads, but for those that are written from the code."""

# The guide sets both machines up; the last one takes all away again.
_ORDER: Final = (
    "docs/guide.md",
    "deploy/debian/README.md",
    "docs/actuator-access.md",
    "docs/troubleshooting.md",
    "docs/web-configuration.md",
    "docs/fleet.md",
    "README.md",
    "docs/containers.md",
    "docs/operations.md",
)
RUN: Final = [ROOT / name for name in _ORDER]

PLACES: Final = ("node", "control", "copy", "write ")
"""A node of the cluster; the machine that is always on; files brought from one to the other; a file that is shown."""
