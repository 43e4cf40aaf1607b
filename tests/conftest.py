"""What every test may ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.lab.postgresql import Postgresql
from deploy.lab.tools import Toolbox
from deploy.lab.userland import CONTROL, Userlands
from tests import memory

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Choose where temporary files lie, before the first is made; workers inherit it."""
    memory.use()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of hundreds of processes would compile our code anew


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    """The real tools, fetched into the lab's folder when this machine lacks them."""
    return Toolbox(ROOT / ".lab" / "tools")


@pytest.fixture(scope="session")
def postgresql(toolbox: Toolbox) -> Iterator[Postgresql]:
    """A real PostgreSQL server, one for all tests of this process; each takes a schema of its own."""
    with Postgresql(toolbox) as server:
        yield server


@pytest.fixture(scope="session")
def userlands(toolbox: Toolbox) -> Userlands:
    """Debian's releases, made once on this machine."""
    return Userlands(ROOT / ".lab" / "userlands", toolbox)


@pytest.fixture(scope="session")
def wheels(userlands: Userlands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file that the actuator's locks name, for Debian 12 on this processor; pip's own cache makes it quick."""
    folder = tmp_path_factory.mktemp("wheels")
    locks = [f"--requirement={ROOT}/deploy/actuator/{name}.lock" for name in ("requirements", "build")]
    platforms = [f"--platform=manylinux_2_{minor}_{os.uname().machine}" for minor in (36, 28, 27, 24, 17)]
    # Debian's pip, since an environment may have none of its own.
    pip = next((userlands.find(CONTROL) / "usr/share/python-wheels").glob("pip-*.whl")) / "pip"
    done = subprocess.run(
        [
            *(sys.executable, pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", *platforms),
            *("--require-hashes", f"--dest={folder}", *locks),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder
