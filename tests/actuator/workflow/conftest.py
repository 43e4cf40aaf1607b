"""The workbench, as a fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actuator.workflow.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The original experiment: ``pve`` is off, ``pve2`` runs guest 100, there is no quorum."""
    with Bench(tmp_path) as made:
        yield made
