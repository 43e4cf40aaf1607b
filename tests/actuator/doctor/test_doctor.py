"""The doctor as a command, against the lab's Proxmox, a real Prometheus and a real Alertmanager."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from actuator.cli import main
from actuator.doctor.facts import gather
from actuator.doctor.finding import State
from actuator.doctor.report import examine
from actuator.settings import Settings
from deploy.lab.clock import ManualClock
from deploy.lab.configuration import Addresses, Windows, write_alertmanager
from deploy.lab.faults import Answer, Hang
from deploy.lab.plans import two_nodes
from deploy.lab.processes import Processes
from deploy.lab.world import Lab
from tests.actuator.configuration import configuration, written
from tests.actuator.real_prometheus import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.lab.tools import Toolbox


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The original experiment: ``pve`` is off; a wrong token is refused at once."""
    with Lab(replace(two_nodes(), refusal_seconds=0.0), tmp_path / "lab", clock=ManualClock()) as lab:
        yield lab


def configured(lab: Lab, folder: Path, **changes: Any) -> Path:
    """A configuration for the lab."""
    keys = configuration(folder)
    (folder / "proxmox-token").write_text(lab.token.secret)
    for name in ("proxmox-token", "alertmanager-token"):
        (folder / name).chmod(0o600)
    hosts = [f"{lab.address(name)}:{lab.ports.api}" for name in ("pve", "pve2")]
    keys["proxmox"] = {
        "hosts": hosts,
        "token_id": lab.token.id,
        "token_file": "proxmox-token",
        "ca_file": str(lab.ca_path),
    }
    return written(folder, keys | changes)


def examined(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit status, and what was found by title."""
    status = main(["doctor", "--json", f"--config={config}"])
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] == (status == 0)
    return status, {
        check["title"]: [(each["state"], each["sentence"]) for each in check["findings"]]
        for check in document["checks"]
    }


def test_a_cluster_of_two_with_one_asleep_has_no_problem(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is so by design is no problem; what could be better is a warning; nothing in Proxmox is changed."""
    status, found = examined(configured(lab, tmp_path), capsys)

    assert status == 0, found
    assert [state for state, _ in found["Proxmox API"]] == ["warning", "ok"]
    assert found["Privileges"] == [("ok", "the token has every privilege that is needed")]
    assert [state for state, _ in found["Cluster"]] == ["warning", "warning"]
    assert "two nodes and no QDevice" in found["Cluster"][1][1]
    assert found["Clocks"] == [("ok", "the clocks agree")]
    assert found["HA rebalancing"] == [("ok", "HA does not move guests by itself")]
    assert found["Certificates"] == [("ok", "none that was seen ends within three weeks")]
    assert found["Secrets"] == [("ok", "nobody else on this machine can read or change them")]
    assert {request.method for request in lab.requests} == {"GET"}
    assert not (tmp_path / "actuator.db").exists()


def test_what_the_lab_is_made_to_say_is_found(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token that lacks a privilege, rebalancing, a QDevice that does not vote: each is found over the wire."""
    told = {
        "/access/permissions": {"/": {"Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1}},
        "/cluster/options": {"crs": {"ha": "static", "ha-auto-rebalance": 1}},
        "/cluster/config/qdevice": {"State": "Connect failed", "Model": "Net"},
    }
    for path, data in told.items():
        lab.faults.add(Answer("GET", path, status=200, reason="OK", body=json.dumps({"data": data})))
    status, found = examined(configured(lab, tmp_path), capsys)

    assert status == 1
    assert found["Privileges"][0] == ("problem", "the token lacks VM.Migrate on /vms/100: no guest there is moved")
    assert found["HA rebalancing"][0][0] == "warning"
    assert found["Cluster"][1] == ("problem", "the QDevice gives no vote (state: Connect failed)")


def test_a_wrong_token_and_a_wrong_authority_are_told_apart(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its own sentence, and a person sees text with the command that mends it; the secret is nowhere."""
    config = configured(lab, tmp_path)
    (tmp_path / "proxmox-token").write_text("another-secret-altogether")
    assert main(["doctor", f"--config={config}"]) == 1
    text = capsys.readouterr().out

    assert "does not accept the API token" in text
    assert "    $ sh role-and-token.sh" in text
    assert text.rstrip().splitlines()[-1].startswith("Found: ")
    assert "another-secret-altogether" not in text
    assert "\033" not in text

    keys = {"proxmox": {"hosts": [f"{lab.address('pve2')}:{lab.ports.api}"], "token_id": lab.token.id}}
    keys["proxmox"]["token_file"] = "proxmox-token"
    status, found = examined(configured(lab, tmp_path, **keys), capsys)
    assert status == 1
    assert "certificate that is not to be trusted" in found["Proxmox API"][0][1]


def test_the_watchers_are_looked_at(
    lab: Lab, toolbox: Toolbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real Prometheus is asked for figures and thresholds, a real Alertmanager for its route to us."""
    measured = (
        'wattshift_node_watts{node="pve2",source="dcmi"} 84.5\nwattshift_threshold{node="pve2",source="dcmi"} 90\n'
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    (tmp_path / "secret").write_text("a-token")
    addresses = Addresses("127.0.0.1:1", address, "127.0.0.1:19093", {})
    processes = Processes(tmp_path / "logs")
    try:
        processes.start(
            "alertmanager",
            [
                toolbox.find("alertmanager"),
                f"--config.file={write_alertmanager(tmp_path, addresses, Windows(), tmp_path / 'secret')}",
                f"--storage.path={tmp_path / 'alertmanager'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
        )
        processes.await_http("alertmanager", f"http://{address}/-/ready", seconds=30)
        with serving(toolbox, tmp_path / "prometheus", measured) as prometheus:
            watched = {
                "listen": "127.0.0.1:19093",
                "prometheus": {"url": prometheus, "timeout_seconds": 10},
                "alertmanager": {"url": f"http://{address}"},
            }
            status, found = examined(configured(lab, tmp_path, **watched), capsys)
    finally:
        processes.stop()

    assert status == 0, found
    assert found["Prometheus"] == [("ok", "it has a figure and a threshold for each node")]
    route = "it routes to 127.0.0.1:19093, which is to be us, by the receiver wattshift-actuator"
    assert found["Alertmanager"] == [("ok", route)]


def test_an_endpoint_that_hangs_does_not_hang_the_doctor(lab: Lab, tmp_path: Path) -> None:
    """A question that is never answered costs its deadline and its own finding alone."""
    lab.faults.add(Hang("GET", "/cluster/options", times=None))
    settings = Settings.load(configured(lab, tmp_path))
    access = replace(settings.proxmox_access(lab.token.secret), probe_timeout=0.5)
    found = {block.title: [each.state for each in block.findings] for block in examine(gather(settings, access, None))}

    assert found["HA rebalancing"] == [State.WARNING]
    assert found["Privileges"] == [State.OK]
    assert found["Cluster"][0] is State.WARNING


def test_nobody_at_the_watchers_addresses(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prometheus and Alertmanager that do not run are problems, with the key to look at."""
    watched = {"prometheus": {"url": "http://127.0.0.1:1"}, "alertmanager": {"url": "http://127.0.0.1:1"}}
    status, found = examined(configured(lab, tmp_path, **watched), capsys)

    assert status == 1
    assert found["Prometheus"][0][0] == "problem"
    assert found["Alertmanager"][0] == (
        "problem",
        "nothing answered at http://127.0.0.1:1 (ConnectionError): check alertmanager.url, and that it runs",
    )
