"""The project's tree, and packages built of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_tree(into: Path) -> Path:
    """Copy what the package is made of, so that a test may change it."""
    for part in ("exporter", "deploy/debian", "deploy/systemd"):
        shutil.copytree(ROOT / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    return into


def set_version(tree: Path, version: str) -> None:
    """Let the tree be of another version."""
    file = tree / "exporter" / "__init__.py"
    head, _, _ = file.read_text().partition("__version__")
    file.write_text(f'{head}__version__ = "{version}"\n')


def build(tree: Path, into: Path, **environment: str) -> Path:
    """Build the package of a tree; return the file."""
    done = build_status(tree, into, **environment)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def build_status(tree: Path, into: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the build, whatever comes of it."""
    return subprocess.run(
        [tree / "deploy" / "debian" / "build.sh", into],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
