"""The container image: built by the real buildah and run as an engine would, without any registry."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.lab.network import free_port
from deploy.lab.userland import CONTROL
from tests.actuator.configuration import configuration
from tests.deploy.source_tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox
    from deploy.lab.userland import Userlands

# The first test waits until Debian is there and the image is built.
pytestmark = [pytest.mark.xdist_group("debian-control"), pytest.mark.timeout(600)]

DATABASE = "sqlite:////var/lib/wattshift/actuator.db"
CONTAINERFILE = ROOT / "deploy" / "Containerfile"


@dataclass(frozen=True)
class Image:
    """What building it and running it left behind."""

    folder: Path

    def said(self, name: str) -> str:
        """Return what one command said."""
        return (self.folder / f"{name}.log").read_text()

    @property
    def config(self) -> dict[str, Any]:
        """What the image asks of an engine, by Docker's names."""
        inspected = json.loads((self.folder / "image.json").read_text())
        return dict(inspected["Docker"]["config"])


@pytest.fixture(scope="module")
def image(userlands: Userlands, toolbox: Toolbox, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of this very tree, after it ran for a moment."""
    folder, given = tmp_path_factory.mktemp("image"), tmp_path_factory.mktemp("config")
    keys = configuration(given) | {"database": DATABASE, "listen": f"127.0.0.1:{free_port()}"}
    (given / "actuator.yml").write_text(yaml.safe_dump(keys))
    given.chmod(0o755)
    script = ROOT / "tests" / "deploy" / "image.sh"
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            script,
            toolbox.find("buildah"),
            userlands.find(CONTROL),
            wheels,
            ROOT,
            given,
            folder,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log"))) if done.returncode else ""
    assert done.returncode == 0, f"{done.stdout}\n{logs}"
    return Image(folder)


def test_it_runs_as_nobody_in_particular_on_a_root_that_it_cannot_write(image: Image) -> None:
    """No privilege is left to it, and its database is the one thing that it wrote."""
    status = dict(line.split(":\t") for line in image.said("status").splitlines())

    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"10001"}
    assert status["CapBnd"] == "0000000000000000"
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in image.said("touch")
    assert re.search(r"10001 +10001 .* actuator\.db$", image.said("state"), re.MULTILINE)


def test_its_health_check_is_its_own(image: Image) -> None:
    """The command fails before it serves, with a sentence, and not while it does."""
    check = image.config["Healthcheck"]["Test"]

    assert check == ["CMD", "wattshift-actuator", "healthy", "--config", "/etc/wattshift/actuator.yml"]
    assert "does not answer (nothing listens there)" in image.said("early")
    assert image.said("healthy") == ""


def test_it_says_what_it_needs(image: Image) -> None:
    """User, port, volume, and what an engine starts; the program takes the configuration that is mounted."""
    config = image.config

    assert config["User"] == "10001:10001"
    assert set(config["Volumes"]) == {"/var/lib/wattshift"}
    assert set(config["ExposedPorts"]) == {"19093/tcp"}
    assert [*config["Entrypoint"], *config["Cmd"]] == [
        "wattshift-actuator",
        "serve",
        "--config",
        "/etc/wattshift/actuator.yml",
    ]
    assert "actuator.yml: valid; mode act" in image.said("check")
    assert "actuator.stopped" in image.said("serve")


def pins(name: str) -> dict[str, set[str]]:
    """Return each requirement of a lock with its hashes."""
    entries = re.split(r"\n(?=[a-z])", (ROOT / name).read_text().replace("\\\n", ""))
    return {entry.split()[0]: set(re.findall(r"sha256:\w{64}", entry)) for entry in entries if entry.strip()}


@pytest.mark.parametrize("lock", ["deploy/actuator/requirements.lock", "deploy/actuator/build.lock"])
def test_its_locks_are_parts_of_the_lock_that_is_tested(lock: str) -> None:
    """What the image installs is what the tests ran with, version and hash alike."""
    tested, installed = pins("requirements.lock"), pins(lock)

    assert installed
    assert {name: hashes for name, hashes in tested.items() if name in installed} == installed


def test_its_lock_has_everything_that_the_actuator_needs() -> None:
    """A dependency that is added to the program is added to the image as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {
        re.split(r"[^\w.-]", requirement)[0].lower()
        for requirement in [*project["dependencies"], *project["optional-dependencies"]["actuator"]]
    }

    assert needed <= {pin.split("==")[0] for pin in pins("deploy/actuator/requirements.lock")}


def test_nothing_is_fetched_by_another_way() -> None:
    """Every pip of the build has hashes or no index, no address is named, and both stages have one base."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    pips = re.findall(r"bin/pip (?:--python \S+ )?install (.*?)(?:&&|\n[A-Z])", text.replace("\\\n", " "), re.DOTALL)

    assert pips
    assert all("--require-hashes" in pip or "--no-index --no-deps" in pip for pip in pips)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"debian:12-slim"}
    assert "://" not in text
    assert "ADD " not in text
