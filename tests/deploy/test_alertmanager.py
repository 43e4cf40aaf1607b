"""Alertmanager's configuration and its route, judged by the real amtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"
POWER_ALERT = ("alertname=NodePowerHigh", "severity=warning", "node=pve2", "vmid=100", "target_node=pve")
# labels of an alert -> the receiver it reaches
ROUTES: list[tuple[tuple[str, ...], str]] = [
    ((*POWER_ALERT, "action=migrate"), "wattshift-actuator"),
    (("alertname=Solar", "action=migrate", "node=pve3"), "wattshift-actuator"),
    (("alertname=NodeNeeded", "action=wake", "target_node=pve"), "wattshift-actuator"),
    (POWER_ALERT, "people"),
    ((*POWER_ALERT, "action="), "people"),
    ((*POWER_ALERT, "action=reboot"), "people"),
    ((*POWER_ALERT, "action=migrate-all"), "people"),
    (("alertname=WattshiftJobFailed", "severity=critical", "instance=127.0.0.1:19093"), "people"),
    (("alertname=WattshiftMigrationFailed", "severity=critical", "failure=not_proven"), "people"),
    (("alertname=WattshiftWakeFailed", "severity=critical", "failure=never_woke"), "people"),
    (("alertname=WattshiftPowerRising", "severity=warning", "threshold_of=pve2"), "people"),
    (("alertname=WattshiftSourceStale", "severity=warning", "instance=pve2:19100", "source=dcmi"), "people"),
    (("alertname=WattshiftActuatorDown", "severity=critical"), "people"),
    (("alertname=WattshiftStandbyDown", "severity=warning", "instance=b:19093"), "people"),
    (("alertname=WattshiftExporterDown", "severity=warning", "instance=pve2:19100"), "people"),
    (("alertname=WattshiftSourceDown", "severity=warning", "instance=pve2:19100"), "people"),
    (("alertname=WattshiftThresholdUnmeasured", "severity=warning", "threshold_of=pve2"), "people"),
    (("alertname=WattshiftSourceFlapping", "severity=warning", "instance=pve2:19100"), "people"),
    (("alertname=WattshiftSourceDisagrees", "severity=warning", "instance=pve2:19100", "source=dcmi"), "people"),
    (("alertname=WattshiftStoreDown", "severity=critical"), "people"),
    (("alertname=WattshiftNoLeader", "severity=critical"), "people"),
    (("alertname=WattshiftPaused", "severity=warning"), "people"),
    (("alertname=WattshiftCallersRefused", "severity=warning"), "people"),
    (("alertname=DiskFull", "node=pve2", "vmid=100"), "people"),
]


def amtool(toolbox: Toolbox, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run amtool; its standard output and error come as one text."""
    return subprocess.run(
        [toolbox.find("amtool"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def test_configuration_is_valid(toolbox: Toolbox) -> None:
    """Alertmanager accepts the configuration as it is shipped."""
    done = amtool(toolbox, "check-config", ALERTMANAGER)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("labels", "receiver"), ROUTES)
def test_route(labels: tuple[str, ...], receiver: str, toolbox: Toolbox) -> None:
    """An alert reaches the actuator exactly when it carries an action that the actuator knows."""
    done = amtool(
        toolbox, "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}", *labels
    )

    assert done.returncode == 0, done.stdout


def test_every_alert_of_the_rules_is_routed_by_a_case_above() -> None:
    """No rule file names an alert whose way is not tested."""
    shipped = {
        name
        for path in (DEPLOY / "prometheus" / "rules").glob("*.yml")
        for name in re.findall(r"- alert: (\w+)", path.read_text())
    }
    routed = {label.removeprefix("alertname=") for labels, _ in ROUTES for label in labels if "alertname=" in label}

    assert shipped <= routed


def test_the_call_keeps_what_the_actuator_relies_on() -> None:
    """The whole list of alerts, resolved ones too, with a token from a file, and never to where a redirect points."""
    receivers = {each["name"]: each for each in yaml.safe_load(ALERTMANAGER.read_text())["receivers"]}
    (webhook,) = receivers["wattshift-actuator"]["webhook_configs"]

    assert webhook["url"].endswith("/api/v1/alerts")
    assert webhook["send_resolved"] is True
    assert webhook["max_alerts"] == 0
    assert webhook["http_config"]["follow_redirects"] is False
    assert set(webhook["http_config"]["authorization"]) == {"type", "credentials_file"}
