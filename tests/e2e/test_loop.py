"""The very loop of the demo: watts rise, a sleeping node wakes, the guest moves, the alert resolves."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from actuator.cli import main
from deploy.lab.demo import GUEST, SOURCE, TARGET, THRESHOLD, Demo
from deploy.lab.plans import two_nodes
from deploy.lab.stack import Stack
from deploy.lab.world import Lab
from deploy.runbook import PAGE
from tests.grafana.questions import Question, everything, trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deploy.lab.story import Look
    from deploy.lab.tools import Toolbox

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("loop")]
_SCRAPED_SECONDS = 30.0


@dataclass(frozen=True)
class Closed:
    """The stack as the closed loop left it."""

    lab: Lab
    stack: Stack
    last: Look
    told: str

    def series(self, address: str) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Metric name -> samples of one ``/metrics``."""
        text = httpx.get(f"http://{address}/metrics", trust_env=False).text
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def unanswered(self, questions: list[Question], chosen: Mapping[str, str]) -> list[str]:
        """What is wrong with Prometheus's answers, once what the loop left behind has been scraped."""
        until = time.monotonic() + _SCRAPED_SECONDS
        with self.prometheus() as client:
            while True:
                told = {question: trouble(client, question, chosen, time.time()) for question in questions}
                left = {question: each for question, each in told.items() if each is not None}
                if not left or time.monotonic() > until:
                    return list(left.values())
                questions = list(left)
                time.sleep(0.5)  # between two looks at another process, which tells nobody when it is there

    def prometheus(self) -> httpx.Client:
        """A client of Prometheus's API."""
        return httpx.Client(base_url=f"{self.stack.url('prometheus')}/api/v1", trust_env=False)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs of the actuator, newest first."""
        headers = {"Authorization": f"Bearer {self.stack.tokens['operator']}"}
        answer = httpx.get(f"{self.stack.url('actuator')}/api/v1/jobs", headers=headers, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["jobs"]
        return found


@pytest.fixture(scope="module")
def closed(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """Run the demo once; every test of this module looks at what it left."""
    directory: Path = tmp_path_factory.mktemp("loop")
    paper = io.StringIO()
    soon = {"timing": {"settle_seconds": 5}}  # the second look at the watts, while the loop is still being watched
    with (
        Lab(two_nodes(), directory / "lab") as lab,
        Stack(lab, toolbox, directory / "stack", actuator_changes=soon) as stack,
    ):
        last = Demo(lab, stack, Console(file=paper, width=200)).run()
        yield Closed(lab, stack, last, paper.getvalue())


def test_the_guest_has_moved(closed: Closed) -> None:
    """The truth of the simulated cluster, not our own word: the guest runs on the target, unlocked."""
    guest = closed.lab.guest(GUEST)

    assert (guest.node, guest.running, guest.lock) == (TARGET, True, None)


def test_the_target_was_woken_by_a_magic_packet(closed: Closed) -> None:
    """The node that was off is on, and nothing but a datagram on the wire could have done that."""
    assert closed.lab.packets >= 1

    assert closed.lab.quorate


def test_one_alert_was_one_job_and_one_migration(closed: Closed) -> None:
    """Repeats of the alert while the job lived and after it changed nothing."""
    migrations = [task for task in closed.lab.tasks if ":qmigrate:" in task.upid]

    assert len(migrations) == 1

    assert [job["state"] for job in closed.jobs()] == ["succeeded"]


def test_the_job_says_what_the_move_cost(closed: Closed) -> None:
    """Downtime and duration come from the task log of that migration."""
    (job,) = closed.jobs()

    assert pytest.approx(job["outcome"]["downtime_seconds"]) == 0.042

    assert job["outcome"]["duration_seconds"] > 0

    assert job["guest_node"] == TARGET


def test_the_job_knows_what_both_nodes_drew_before(closed: Closed) -> None:
    """Real figures of the exporters, by way of the real Prometheus; the second look is due, or was taken."""
    (job,) = closed.jobs()

    assert job["watts"]["source_before"] > 0

    assert job["watts"]["due_at"] or job["watts"]["measured_at"]


def test_the_doctor_finds_no_problem(closed: Closed, capsys: pytest.CaptureFixture[str]) -> None:
    """From Proxmox to Alertmanager, what the loop has just proven to work is found to."""
    status = main(["doctor", f"--config={closed.stack.directory / 'actuator.yml'}"])

    assert status == 0, capsys.readouterr().out


def test_the_watts_fell_and_the_alert_resolved(closed: Closed) -> None:
    """The source is below its threshold, the alert is gone, and the actuator has heard of it."""
    assert closed.last.watts[SOURCE] < THRESHOLD

    assert (closed.last.alert, closed.last.told_resolved) == ("inactive", True)


def test_each_exporter_says_one_figure_for_its_node(closed: Closed) -> None:
    """Exactly one ``wattshift_node_watts`` series a node, with its name, from the BMC that it prefers."""
    for node, address in closed.stack.addresses.exporters.items():
        ((labels, watts),) = closed.series(address)["wattshift_node_watts"]

        assert {"node": node, "source": "dcmi"} == labels

        assert watts > 0


def test_the_guests_watts_have_moved_with_it(closed: Closed) -> None:
    """The target shows the guest, the source no longer does, and on both all shares add up to the node's power."""
    shares = {}
    for node, address in closed.stack.addresses.exporters.items():
        series = closed.series(address)
        ((_, whole),) = series["wattshift_node_watts"]
        shares[node] = {labels["id"]: (labels["name"], watts) for labels, watts in series["wattshift_guest_watts"]}

        assert sum(round(watts * 1e6) for _, watts in shares[node].values()) == round(whole * 1e6)

    assert {"host", "idle"} == set(shares[SOURCE])

    assert {f"qemu/{GUEST}", "host", "idle"} == set(shares[TARGET])

    name, watts = shares[TARGET][f"qemu/{GUEST}"]

    assert name == "web"

    assert watts > shares[TARGET]["host"][1] > 0


def test_the_actuator_counts_what_it_did(closed: Closed) -> None:
    """State, step times, wake time and downtime are on its own /metrics."""
    series = closed.series(closed.stack.addresses.actuator)

    assert ({"state": "succeeded"}, 1.0) in series["wattshift_jobs"]

    assert ({"state": "failed"}, 0.0) in series["wattshift_jobs"]

    assert series["wattshift_migration_downtime_seconds_count"] == [({}, 1.0)]

    assert {"preflight", "waking", "awaiting_ready", "migrating", "verifying"} <= {
        labels["step"] for labels, count in series["wattshift_step_duration_seconds_count"] if count
    }

    assert [labels["node"] for labels, _ in series["wattshift_wake_duration_seconds_count"]] == [TARGET]


def test_prometheus_answers_everything_the_boards_ask(closed: Closed) -> None:
    """Every query of panels, variables and marks has an answer, whether all nodes and guests are chosen or some."""
    every = {"node": ".*", "guest": ".*", "tariff": "0.30"}
    some = {"node": "(pve|pve2)", "guest": f"(qemu/{GUEST})", "tariff": "0.30"}
    for chosen in (every, some):
        closed.stack.keep_up()
        left = closed.unanswered(everything(), chosen)

        assert left == [], "\n".join(left)


def test_a_query_that_is_wrong_or_finds_nothing_is_caught(closed: Closed) -> None:
    """So an answer above means something."""
    good = Question("here", "wattshift_node_watts")
    with closed.prometheus() as client:
        for expression, says in {
            "sum(wattshift_node_watts": "parse error",
            'wattshift_node_watts{node="nobody"}': "no answer",
            "0 / (0 * wattshift_node_watts)": "no answer",
            "label_values(wattshift_node_watt, node)": "no answer",
        }.items():
            for instant in (True, False):
                told = trouble(client, replace(good, expression=expression, instant=instant), {}, time.time())

                assert told is not None
                assert says in told
        assert trouble(client, good, {}, time.time()) is None


def test_the_runbook_opens_where_prometheus_does(closed: Closed) -> None:
    """Each link that an alert carries leads to a heading of the page that Prometheus serves."""
    page = httpx.get(f"{closed.stack.url('prometheus')}/consoles/{PAGE.name}", trust_env=False)

    assert page.status_code == 200
    assert 'id="nodepowerhigh"' in page.text


def test_the_story_was_told(closed: Closed) -> None:
    """The timeline names each turn of the loop, in order."""
    turns = (
        "pve is off",
        "is put under full load",
        "above its threshold of 6 W",
        "NodePowerHigh fires",
        "Alertmanager has the alert",
        "pve boots",
        "the cluster is quorate",
        "Asked Proxmox to migrate",
        " of 4096 MiB",  # moved so far: which of the four seconds is seen is up to the machine
        "stood still for 42 ms",
        "below its threshold again",
        "NodePowerHigh resolves",
        "told the actuator that it is over",
        "The loop closed in",
    )
    places = [closed.told.find(turn) for turn in turns]

    assert -1 not in places, turns[places.index(-1)]

    assert places[0] < places[1] < places[3] < places[5] < places[7] < places[9] < places[11] < places[12] < places[13]


def test_no_secret_is_in_any_file_but_its_own(closed: Closed) -> None:
    """Tokens and passwords stand in no log, configuration or database that the loop wrote."""
    secrets = {
        *closed.stack.tokens.values(),
        closed.lab.token.secret,
        closed.lab.plan.bmc_password,
    }
    found = [
        path.name
        for path in closed.stack.directory.rglob("*")
        if path.is_file() and not path.name.endswith("-token")
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]

    assert found == []
