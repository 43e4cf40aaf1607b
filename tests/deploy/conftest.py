"""What the tests of the package share: the package, built once, and the releases it is installed in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.lab.userland import CONTROL, Userlands
from tests.deploy.machine import booted
from tests.deploy.node import DEFAULTS, DROP_INS, EACH_RELEASE, Node
from tests.deploy.source_tree import ROOT, build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this very tree."""
    return build(ROOT, tmp_path_factory.mktemp("package"))


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


@pytest.fixture(scope="module", params=EACH_RELEASE)
def node(
    request: pytest.FixtureRequest, userlands: Userlands, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A release on which the package was installed, and nothing else done."""
    with booted(userlands.find(request.param), tmp_path_factory.mktemp("node")) as machine:
        machine.install(package)
        yield Node(request.param, machine)


@pytest.fixture
def settings(node: Node) -> Iterator[None]:
    """What an administrator changes, put back afterwards."""
    defaults = node.machine.path(DEFAULTS)
    before = defaults.read_text()
    yield
    defaults.write_text(before)
    node.machine.do("rm", "-rf", DROP_INS)
    node.machine.do("systemctl", "daemon-reload")
    node.start()
