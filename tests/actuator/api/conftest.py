"""What every test of the HTTP side may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actuator.api.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The HTTP side, ready to be called."""
    world = World(tmp_path)
    with world.client:
        yield world
    world.store.close()
