"""The package as a file: complete, the same bytes each time, and nothing in it of the machine it was built on."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from tests.deploy.source_tree import ROOT, build, build_status, copy_tree, set_version

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.tools import Toolbox

SCRIPTS = ["postinst", "prerm", "postrm"]


def dpkg_deb(*arguments: str | Path) -> str:
    """Run dpkg-deb; return what it printed."""
    return subprocess.run(["dpkg-deb", *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def lintian(package: Path, toolbox: Toolbox) -> str:
    """Return the errors and warnings that lintian has for a package."""
    command: list[str | Path] = [toolbox.find("lintian"), "--allow-root", "--fail-on=none", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_version_is_the_projects(package: Path) -> None:
    """The package, the program and the project are of one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert dpkg_deb("--field", package, "Version").strip() == __version__ == project["version"]
    assert package.name == f"wattshift-exporter_{__version__}_all.deb"


def test_dependencies_are_the_projects(package: Path) -> None:
    """What the project asks of Python and of its one library is what the package asks of Debian."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    depends = dpkg_deb("--field", package, "Depends")
    (library,) = project["dependencies"]
    name, _, version = library.partition(">=")

    assert f"python3 (>= {project['requires-python'].removeprefix('>=')})" in depends
    assert f"python3-{name} (>= {version})" in depends


def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither the folder, the files' times, what Python left behind nor the hour matter."""
    first, second = copy_tree(tmp_path / "first"), copy_tree(tmp_path / "elsewhere" / "second")
    for path in second.rglob("*"):
        os.utime(path, (1e9, 1e9))
    (second / "exporter" / "__pycache__").mkdir()
    (second / "exporter" / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"\0")
    packages = [
        build(tree, tmp_path / f"out-{tree.name}", SOURCE_DATE_EPOCH="1700000000").read_bytes()
        for tree in (first, second)
    ]

    assert packages[0] == packages[1]


def test_every_module_is_in_it(tmp_path: Path) -> None:
    """The whole of exporter/, and of Python nothing else."""
    tree = copy_tree(tmp_path / "tree")
    dpkg_deb("--extract", build(tree, tmp_path), tmp_path / "installed")
    installed = tmp_path / "installed" / "usr" / "share" / "wattshift-exporter"
    here = {path.relative_to(tree): path.read_bytes() for path in (tree / "exporter").rglob("*.py")}

    assert {path.relative_to(installed): path.read_bytes() for path in installed.rglob("*.py")} == here
    assert not list(installed.rglob("__pycache__"))


def test_everything_is_roots_and_only_settings_are_secret(package: Path) -> None:
    """No user of the build's machine owns a file, nobody but root writes one, and the file for a password is closed."""
    modes = {}
    for line in dpkg_deb("--contents", package).splitlines():
        mode, owner, _size, _day, _hour, name = line.split(maxsplit=5)
        assert owner == "root/root", line
        modes[name] = mode

    assert modes.pop("./etc/default/wattshift-exporter") == "-rw-------"
    assert set(modes.values()) == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}
    assert {name for name, mode in modes.items() if mode == "-rwxr-xr-x"} == {
        "./usr/bin/wattshift-exporter",
        "./usr/share/wattshift-exporter/proxmox-names",
        "./usr/share/python3/runtime.d/wattshift-exporter.rtupdate",
    }


def test_debians_own_checker_has_nothing_against_it(package: Path, toolbox: Toolbox) -> None:
    """Neither an error nor a warning."""
    assert lintian(package, toolbox) == ""


def test_a_fault_of_the_package_is_seen(tmp_path: Path, toolbox: Toolbox) -> None:
    """The check above is one that can fail."""
    tree = copy_tree(tmp_path / "tree")
    (tree / "deploy" / "debian" / "copyright").write_text("")

    assert "copyright-without-copyright-notice" in lintian(build(tree, tmp_path / "out"), toolbox)


@pytest.mark.parametrize("script", SCRIPTS)
def test_maintainer_scripts_are_plain_shell(script: str) -> None:
    """The shell reads each to its end, and each ends at its first error."""
    file = ROOT / "deploy" / "debian" / script
    subprocess.run(["sh", "-n", file], check=True, timeout=60)

    assert re.search(r"^set -e$", file.read_text(), re.MULTILINE)


def test_a_version_debian_would_not_take_is_refused(tmp_path: Path) -> None:
    """No package is made of it, and the message names the file."""
    tree = copy_tree(tmp_path / "tree")
    set_version(tree, "next one")
    done = build_status(tree, tmp_path / "out")

    assert done.returncode == 1
    assert "exporter/__init__.py names no __version__" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
