"""Where the tests' own files may lie."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.memory import roomy


def test_a_folder_without_room_is_not_taken(tmp_path: Path) -> None:
    """More than any disk has is asked of it."""
    assert not roomy(tmp_path, needed=1 << 80)


def test_a_folder_where_nothing_can_be_made_is_not_taken(tmp_path: Path) -> None:
    """One that is not there, and one that the kernel writes: the tests then stay where temporary files always lie."""
    assert not roomy(tmp_path / "nowhere", needed=0)
    assert not roomy(Path("/proc"))


def test_child_processes_keep_their_files_beside_ours(tmp_path: Path) -> None:
    """What a test is given lies where tempfile, and so any child of ours, puts its own."""
    chosen = Path(os.environ.get("TMPDIR", tempfile.gettempdir()))

    assert tempfile.gettempdir() == str(chosen)
    assert tmp_path.is_relative_to(chosen) or "PYTEST_DEBUG_TEMPROOT" in os.environ
