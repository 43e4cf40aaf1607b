"""The thread that deletes what is old; what it deletes is tested with the store, on both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from actuator.errors import StoreUnavailable
from actuator.workflow.housekeeping import Housekeeping
from tests.actuator.adapters.stores import add, opened
from tests.actuator.adapters.test_retention import over
from tests.actuator.policy.samples import NOW

if TYPE_CHECKING:
    from pathlib import Path


def test_its_thread_outlives_a_database_that_fails(tmp_path: Path) -> None:
    """What cannot be deleted in one round is in a later one; it ends when told."""
    rounds: list[int] = []

    def epoch() -> int:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise StoreUnavailable("the database is busy")
        if len(rounds) > 3:
            thread._stopping.set()
        return 0

    with opened(tmp_path / "a.db") as store:
        add(store, over("a", 99))
        thread = Housekeeping(store, epoch, lambda: 30, lambda: NOW, first=0.001, interval=0.001, breath=0)
        thread.start()
        thread._thread.join(30)

        assert not thread._thread.is_alive()
        assert store.jobs() == []
        thread.stop(1)


def test_one_that_does_not_live_an_hour_deletes_as_well(tmp_path: Path) -> None:
    """The first round does not wait for the pause between two."""
    begun = threading.Event()

    def epoch() -> None:
        begun.set()

    with opened(tmp_path / "a.db") as store:
        thread = Housekeeping(store, epoch, lambda: 30, lambda: NOW, first=0.001)
        thread.start()

        assert begun.wait(30)
        thread.stop(30)
