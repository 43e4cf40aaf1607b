"""What the tests of the package share: the package, built once, and the releases it is installed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deploy.machine import booted
from tests.deploy.node import DEFAULTS, DROP_INS, EACH_RELEASE, Node
from tests.deploy.source_tree import ROOT, build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.userland import Userlands


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this very tree."""
    return build(ROOT, tmp_path_factory.mktemp("package"))


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
