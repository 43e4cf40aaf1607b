"""Who leads: one process at a time, each in an epoch of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actuator.adapters.leadership import Leadership, lead_of
from actuator.errors import LeadershipLost, StoreUnavailable
from actuator.policy.jobs import JobState
from tests.actuator.adapters.stores import add, elsewhere, opened
from tests.actuator.policy.samples import job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actuator.adapters.store import Store

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store."""
    with opened(tmp_path / "a.db", busy_seconds=5) as opened_store:
        yield opened_store


def test_one_leads_and_the_other_waits(store: Store, tmp_path: Path) -> None:
    """The second candidate gets nothing while the first leads, and a new epoch when it gives up."""
    first, second = (Leadership(store, tmp_path / "lock") for _ in range(2))

    assert (first.acquire(), second.acquire()) == (1, None)
    assert (first.epoch, second.epoch) == (1, None)

    first.release()
    assert (second.acquire(), first.acquire()) == (2, None)
    assert (first.epoch, second.epoch) == (None, 2)
    second.release()


def test_asking_again_changes_nothing_for_the_leader(store: Store, tmp_path: Path) -> None:
    """A leader that asks again keeps its epoch; one that does not lead may release as often as it likes."""
    leadership = Leadership(store, tmp_path / "lock")
    leadership.release()

    assert [leadership.acquire(), leadership.acquire()] == [1, 1]
    leadership.release()
    leadership.release()
    assert leadership.epoch is None


def test_the_successor_fences_the_former_leader(store: Store, tmp_path: Path) -> None:
    """A leader that lost its lock without noticing (a file system that dropped it, say) can write no more."""
    add(store, job("j1"))
    first, second = Leadership(store, tmp_path / "lock"), Leadership(store, tmp_path / "other-lock")
    epoch = first.acquire()
    assert epoch is not None
    second.acquire()

    with pytest.raises(LeadershipLost):
        store.save(job("j1", state=JobState.PREFLIGHT), epoch=epoch, message=None)
    first.release()
    second.release()


def test_two_names_of_one_file_are_one_lead(store: Store, tmp_path: Path) -> None:
    """Whoever opens the database through a link to it, or to its folder, waits for the same lock."""
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    first = lead_of(store)
    assert first.acquire() == 1

    for other_name in (tmp_path / "link.db", tmp_path / "folder" / "a.db"):
        with opened(other_name) as other:
            assert lead_of(other).acquire() is None
    first.release()


CHILD = """
import sys
from pathlib import Path
from actuator.adapters.leadership import Leadership
from tests.actuator.adapters.stores import opened

folder = Path(sys.argv[1])
with opened(folder / "a.db") as store:
    print(Leadership(store, folder / "lock").acquire(), flush=True)
    sys.stdin.read()
"""


def test_the_lead_falls_with_its_process(store: Store, tmp_path: Path) -> None:
    """Another process's lead is respected, and free at once when that process is killed, even with -9."""
    leadership = Leadership(store, tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        assert leadership.acquire() is None
        child.kill()

    assert leadership.acquire() == 2
    leadership.release()


def test_a_lock_that_cannot_be_created_says_so(store: Store, tmp_path: Path) -> None:
    """A missing folder is named, with what to do."""
    leadership = Leadership(store, tmp_path / "missing" / "lock")

    with pytest.raises(StoreUnavailable, match=r"missing/lock cannot be used \(No such file or directory\): create"):
        leadership.acquire()
    assert leadership.epoch is None


def test_without_an_epoch_nobody_leads(tmp_path: Path) -> None:
    """When the database cannot take the new epoch, the lock is given back, for this process or another to try again."""
    path = tmp_path / "a.db"
    with opened(path, busy_seconds=0.05) as store:
        leadership = Leadership(store, tmp_path / "lock")
        with elsewhere(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable):
                leadership.acquire()
            other.execute("ROLLBACK")
        assert leadership.epoch is None

        successor = Leadership(store, tmp_path / "lock")
        assert successor.acquire() == 1
        successor.release()
