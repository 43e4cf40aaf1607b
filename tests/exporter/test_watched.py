"""How a change of a file is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.web.watched import Watched

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = 1_000_000_000_000
SECOND = 1_000_000_000


def test_within_a_tick_of_the_clock_contents_tell(tmp_path: Path) -> None:
    """A file system that gives two writes the same time, as coarse clocks do, hides neither."""
    file = tmp_path / "file"
    file.write_text("one")
    watched = Watched(file, lambda: WRITTEN + SECOND, lambda _: (3, WRITTEN))
    assert not watched.has_changed()

    file.write_text("two")
    assert watched.has_changed()
    assert watched.contents() == b"two"
    assert not watched.has_changed()


def test_after_a_tick_the_times_are_enough(tmp_path: Path) -> None:
    """A file at rest is not read again."""
    file = tmp_path / "file"
    file.write_text("one")
    watched = Watched(file, lambda: WRITTEN + 60 * SECOND, lambda _: (3, WRITTEN))
    file.write_text("two")

    assert not watched.has_changed()
    assert watched.contents() == b"one"


def test_a_file_that_comes_and_goes(tmp_path: Path) -> None:
    """Absence is a state like any other."""
    file = tmp_path / "file"
    watched = Watched(file, lambda: WRITTEN)
    assert not watched.has_changed()
    file.write_text("here")
    assert watched.has_changed()
    file.unlink()
    assert watched.has_changed()
    assert not watched.has_changed()


def test_what_cannot_be_read_has_changed_when_the_reason_has(tmp_path: Path) -> None:
    """A directory in the file's place is said once, whatever happens in it; that it is gone is news."""
    file = tmp_path / "file"
    file.mkdir()
    watched = Watched(file, lambda: WRITTEN)
    (file / "inside").touch()
    assert not watched.has_changed()
    (file / "inside").unlink()
    file.rmdir()
    assert watched.has_changed()
