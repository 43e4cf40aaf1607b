"""What every test of the page may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actuator.web.visits import Visitor, shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.actuator.api.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three nodes and two guests, seen by a page that nobody is signed in to."""
    world = shop(tmp_path)
    yield world
    world.store.close()


@pytest.fixture
def operator(world: World) -> Iterator[Visitor]:
    """Somebody who is signed in and may operate."""
    visitor = Visitor(world)
    with visitor.client:
        visitor.sign_in()
        yield visitor
