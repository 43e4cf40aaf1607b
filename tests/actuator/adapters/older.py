"""A database as the first release left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BACK = (
    "ALTER TABLE control DROP COLUMN changes",
    "DROP TABLE lease",
    "DROP TABLE audit",
    "DROP TABLE node_records",
    "UPDATE schema_version SET version = 1",
)


def to_first_release(file: Path) -> None:
    """Take away from a SQLite database what later releases have added; the rows of the first stay."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        for statement in _BACK:
            database.execute(statement)
