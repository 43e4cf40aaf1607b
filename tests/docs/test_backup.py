"""The page's backup of PostgreSQL, against a real server; that of SQLite is typed with the rest of the page."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.actuator.adapters.stores import add, opened
from tests.actuator.policy.samples import ORDER, job
from tests.deploy.source_tree import ROOT
from tests.docs.blocks import blocks

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.postgresql import Postgresql
    from deploy.lab.tools import Toolbox

THEIRS, FOLDER = "postgresql://wattshift@db.example/wattshift", "/var/backups/wattshift"


def test_what_was_kept_comes_back(postgresql: Postgresql, toolbox: Toolbox, tmp_path: Path) -> None:
    """Dump and restore as on the page, but for server and folder: the database is what it was when it was dumped."""
    with postgresql.admin() as connection:
        connection.execute("CREATE DATABASE backed_up")
    ours = f"postgresql://wattshift@/backed_up?host={postgresql.directory}&port={postgresql.port}"
    (block,) = (block for block in blocks(ROOT / "docs" / "operations.md") if "pg_dump" in block.text)
    dump, restore = block.text.replace(THEIRS, ours).replace(FOLDER, str(tmp_path)).splitlines()
    with opened(ours) as store:
        add(store, job("kept"))
    type_in(dump, toolbox)
    with opened(ours) as store:
        add(store, job("later", replace(ORDER, vmid=101)))
    type_in(restore, toolbox)

    with opened(ours) as store:
        assert [each.id for each in store.jobs()] == ["kept"]


def type_in(line: str, toolbox: Toolbox) -> None:
    """Run a command of the page by the real program."""
    program, *arguments = shlex.split(line)
    done = subprocess.run([toolbox.find(program), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{line}: {done.stderr}"
