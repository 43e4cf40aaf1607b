"""Pulling the plug: of the actuator in mid-migration, and of the whole demo."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from deploy.lab.demo import GUEST, SOURCE, TARGET
from deploy.lab.plan import MigrationTimes
from deploy.lab.plans import two_nodes
from deploy.lab.stack import Stack
from deploy.lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.lab.tools import Toolbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("interruption")]
ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 60.0


def _await(reached: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (found := reached()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


def test_an_actuator_killed_in_mid_migration_goes_on_where_it_was(toolbox: Toolbox, tmp_path: Path) -> None:
    """After kill -9 and a restart the job follows the same task to its proof; nothing is asked for twice."""
    slow = MigrationTimes(bytes_per_second=512 * 1024**2)
    with (
        Lab(two_nodes(migration=slow), tmp_path / "lab") as lab,
        Stack(lab, toolbox, tmp_path / "stack") as stack,
        stack.watcher() as watcher,
    ):
        answer = httpx.post(
            f"{stack.url('actuator')}/api/v1/jobs",
            headers={"Authorization": f"Bearer {stack.tokens['operator']}"},
            json={"action": "migrate", "node": SOURCE, "vmid": GUEST, "target_node": TARGET},
            trust_env=False,
        )
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["job"]["id"]
        _await(lambda: lab.guest(GUEST).lock == "migrate")

        stack.processes.kill("actuator")
        stack.start_actuator()

        job = _await(lambda: found if (found := watcher.job(job_id))["finished_at"] else None)
        assert job["state"] == "succeeded", job["message"]

        assert lab.guest(GUEST).node == TARGET

        assert sum(":qmigrate:" in task.upid for task in lab.tasks) == 1


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            new = set(map(int, children.read_text().split())) - found
            found |= new
            waiting += new
    return found


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_no_process_behind(toolbox: Toolbox, ending: signal.Signals) -> None:
    """Ctrl-C, an orderly end and a sudden one: every process it started is gone, and the first two say so."""
    toolbox.find("prometheus")
    command = [sys.executable, "-m", "deploy.lab"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            for line in demo.stdout:
                if "is put under full load" in line:
                    break
            children = _descendants(demo.pid)
            assert len(children) >= 4, "actuator, Prometheus, Alertmanager, an exporter"

            demo.send_signal(ending)
            rest = demo.stdout.read()
            status = demo.wait(timeout=30)
        finally:
            demo.kill()
    _await(lambda: not any(map(_alive, children)))

    if ending is signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert status == 130

        assert "everything that was started has been ended" in rest
