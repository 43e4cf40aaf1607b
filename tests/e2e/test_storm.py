"""Ten thousand alerts at once, from a pair of Alertmanagers that repeat themselves.

How long the answers take is measured by the benchmark. That none is held up is so by construction: the way in speaks to
the store alone (an import contract), in one transaction of a few statements for a body of any size (test_store_intake).
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
from sqlalchemy import func, select

from actuator.adapters.store import Store
from actuator.adapters.tables import episodes, job_events, jobs
from deploy.lab.world import Lab
from tests.e2e.actuators import Actuators, busy_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ALERTS = 10_000
EPISODES = 4_500  # each Alertmanager of the pair tells each, and repeats the first of them
GUESTS = 40
PER_BODY = 100
SENDERS = 4
MEMORY_MIB = 48


def alert(number: int, began: datetime) -> dict[str, Any]:
    """An alert about one of the guests."""
    return {
        "status": "firing",
        "labels": {
            "alertname": "NodePowerHigh",
            "node": f"n{1 + number % GUESTS % 8}",
            "vmid": str(200 + number % GUESTS),
            "rack": str(number),
        },
        "annotations": {"summary": "Too many watts."},
        "startsAt": began.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{number:016x}",
    }


def body(alerts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A notification with these alerts."""
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "receiver": "wattshift",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "truncatedAlerts": 0,
    }


def resident_mib(pid: int) -> float:
    """The memory that a process has in use."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_storm_is_persisted_once(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Every body is answered 202, each episode is on disk once with one job, and memory stays flat."""
    database = f"sqlite:///{tmp_path / 'actuator.db'}"
    if kind == "postgresql":
        database = request.getfixturevalue("postgresql").new_url()
    began = datetime.now(UTC) - timedelta(seconds=30)
    told = [alert(number, began) for number in range(EPISODES)]
    pair = [*told, *told[: ALERTS // 2 - EPISODES]] * 2
    bodies = [body(pair[start : start + PER_BODY]) for start in range(0, ALERTS, PER_BODY)]

    with (
        Lab(busy_cluster(GUESTS), tmp_path / "lab") as lab,
        closing(Actuators(lab, tmp_path, database, {"mode": "observe"})) as actuators,
        httpx.Client(timeout=60.0, trust_env=False, headers=actuators.client.headers) as client,
    ):
        actuators.start("a")
        address = f"{actuators.url('a')}/api/v1/alerts"

        def send(document: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
            answer = client.post(address, json=document)
            return answer.status_code, answer.json()["alerts"] if answer.status_code == 202 else []

        send(bodies[0])
        pid = actuators.processes.pid("a")
        before = resident_mib(pid)
        started = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as senders:
            answers = list(senders.map(send, bodies))
        took = time.monotonic() - started
        grown = resident_mib(pid) - before

        assert Counter(status for status, _ in answers) == {202: len(bodies)}
        assert sum(len(verdicts) for _, verdicts in answers) == ALERTS
        assert actuators.client.get(f"{actuators.url('a')}/-/healthy").status_code == 200
    assert grown < MEMORY_MIB, f"{grown:.0f} MiB more after {ALERTS} alerts in {took:.1f} s"

    store = Store.open(database)
    with store.database.reading() as conn:
        count = conn.execute(select(func.count(), func.count(episodes.c.fingerprint.distinct()))).one()
        assert tuple(count) == (EPISODES, EPISODES)
        lone = select(func.count()).select_from(jobs).where(jobs.c.id.not_in(select(job_events.c.job_id)))
        assert conn.execute(lone).scalar_one() == 0, "no job without the line that says why"
        each = select(func.count()).where(jobs.c.episode_id.is_not(None)).group_by(jobs.c.episode_id)
        assert set(conn.execute(each).scalars()) == {1}, "no episode with two jobs"
    store.close()
