"""The real powerstat over a simulated powercap tree, through the exporter's own source.

It knows only the machine's own /sys, so the tree is put over /sys/class in a mount namespace of the test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.sources.powerstat import WATTS as FAMILY
from tests.exporter.powerstat_in_namespace import WATTS
from tests.exporter.worlds import write_zone

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

ROOT = Path(__file__).resolve().parents[2]


def namespace(*, root: bool) -> tuple[list[str], int]:
    """Return how to get a mount namespace, by whoever runs the tests, and the user in it to read as."""
    if os.geteuid() == 0:
        return ["unshare", "--mount"], 0 if root else 65534
    if root:
        return ["unshare", "--mount", "--map-root-user"], 0
    return ["unshare", "--mount", "--map-current-user", "--keep-caps"], os.geteuid()


@pytest.mark.parametrize("root", [True, False])
def test_real_rows_become_samples(tmp_path: Path, toolbox: Toolbox, *, root: bool) -> None:
    """A counter that runs at 40 W is read as 40 W, by root from its rows of twelve columns and by others from nine."""
    zone = write_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    unshare, user = namespace(root=root)
    done = subprocess.run(
        [
            *unshare,
            sys.executable,
            "-m",
            "tests.exporter.powerstat_in_namespace",
            tmp_path / "class",
            zone.name,
            str(user),
            toolbox.find("powerstat").parent.parent,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rows = [row for sample in json.loads(done.stdout) for row in sample]
    assert len(rows) == 2
    for family, package, watts in rows:
        assert (family, package) == (FAMILY, "0")
        # powerstat takes the time once a sample and reads the counter a little later.
        assert watts == pytest.approx(WATTS, rel=0.5)
