"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.lab.postgresql import Postgresql
from deploy.lab.tools import Toolbox
from tests import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Choose where temporary files lie, before the first is made; workers inherit it."""
    memory.use()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of hundreds of processes would compile our code anew


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    """The real tools, fetched into the lab's folder when this machine lacks them."""
    return Toolbox(ROOT / ".lab" / "tools")


@pytest.fixture(scope="session")
def postgresql(toolbox: Toolbox) -> Iterator[Postgresql]:
    """A real PostgreSQL server, one for all tests of this process; each takes a schema of its own."""
    with Postgresql(toolbox) as server:
        yield server
