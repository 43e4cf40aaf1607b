"""A lab whose node ``pve`` sleeps, its BMC awake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.lab.clock import ManualClock
from deploy.lab.plans import two_nodes
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment, its time standing still."""
    with Lab(two_nodes(), tmp_path / "lab", clock=ManualClock()) as lab:
        yield lab


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The same, for all tests of a module that leave the node asleep."""
    with Lab(two_nodes(), tmp_path_factory.mktemp("lab"), clock=ManualClock()) as lab:
        yield lab


@pytest.fixture
def asleep(standing: Lab) -> Iterator[Lab]:
    """That one, with no faults but those of this test."""
    yield standing
    standing.faults.clear()
