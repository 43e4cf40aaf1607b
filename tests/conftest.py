"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.lab.tools import Toolbox

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    """The real tools, fetched into the lab's folder when this machine lacks them."""
    return Toolbox(ROOT / ".lab" / "tools")
