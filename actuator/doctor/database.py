"""The database: whether this user could write it. Nothing is made, nothing is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, problem

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts

TITLE = "Database"

_FILE = "sqlite:///"
_OWNER = "wattshift-actuator"


def check(facts: Facts) -> list[Finding]:
    """Judge the file and its folder, with the rights of whoever runs this."""
    url = facts.settings.database
    if not url.startswith(_FILE):
        return [ok("not a file of this machine: `serve` says whether it can be used")]
    return [judge(Path(url.removeprefix(_FILE)))]


def judge(file: Path) -> Finding:
    """Say whether a SQLite file can be used or made."""
    folder = file.parent
    if not folder.is_dir():
        return problem(f"the folder {folder} is not there", f"install -d -o {_OWNER} -m 0750 {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return problem(f"this user cannot write in {folder}, where the database lies", f"chown {_OWNER} {folder}")
    if not file.exists():
        return ok(f"{file} can be made")
    if not file.is_file() or not os.access(file, os.R_OK | os.W_OK):
        return problem(f"this user cannot write {file}", f"chown {_OWNER} {file} {file}-wal {file}-shm")
    return ok(f"{file} can be written")
