"""Prometheus's configuration and rules, judged by the real promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.rule_faults import FAULTS

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = sorted(path.name for path in (PROMETHEUS / "rules").glob("*.yml"))
OBEYED_BY_ACTUATOR = {"action", "node", "vmid", "target_node"}


def promtool(toolbox: Toolbox, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; its standard output and error come as one text."""
    return subprocess.run(
        [toolbox.find("promtool"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def judge(toolbox: Toolbox, *rule_tests: Path) -> subprocess.CompletedProcess[str]:
    """Run rule tests."""
    return promtool(toolbox, "test", "rules", *rule_tests)


def alone(rule_test: Path, case: str) -> Path:
    """Leave nothing but this case in a rule test; return its path."""
    # As nodes, not as values: to PyYAML the series 0x22 is a number, written in hexadecimal.
    document = yaml.compose(rule_test.read_text(), Loader=yaml.SafeLoader)
    assert isinstance(document, yaml.MappingNode)
    (cases,) = [value for key, value in document.value if key.value == "tests"]
    cases.value = [
        node for node in cases.value if case in {value.value for key, value in node.value if key.value == "name"}
    ]
    assert len(cases.value) == 1, "the case has another name now"
    rule_test.write_text(yaml.serialize(document))
    return rule_test


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    files = [yaml.safe_load((PROMETHEUS / "rules" / name).read_text()) for name in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule]


def checks() -> list[dict[str, Any]]:
    """Every question of a rule test about an alert."""
    files = [yaml.safe_load(path.read_text()) for path in (PROMETHEUS / "tests").glob("*.yml")]
    return [check for file in files for case in file["tests"] for check in case.get("alert_rule_test", [])]


def test_configuration_is_valid(toolbox: Toolbox) -> None:
    """Prometheus accepts the configuration and finds all rule files beside it."""
    done = promtool(toolbox, "check", "config", PROMETHEUS / "prometheus.yml")

    assert done.returncode == 0, done.stdout
    assert f"{len(RULES)} rule files found" in done.stdout


def test_rules_are_valid(toolbox: Toolbox) -> None:
    """Prometheus accepts each rule file, and the linter has nothing against it."""
    done = promtool(toolbox, "check", "rules", "--lint-fatal", *(PROMETHEUS / "rules" / name for name in RULES))

    assert done.returncode == 0, done.stdout


def test_rules_fire_and_do_not_fire_as_told(toolbox: Toolbox) -> None:
    """Every rule test passes on the rules as they are shipped."""
    rule_tests = sorted((PROMETHEUS / "tests").glob("*.yml"))
    done = judge(toolbox, *rule_tests)

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("SUCCESS") == len(rule_tests)


@pytest.mark.parametrize(
    ("rule_test", "case", "fault"),
    [
        pytest.param(*where, id=where[-1])
        for where in ((a, b, c) for a in FAULTS for b in FAULTS[a] for c in FAULTS[a][b])
    ],
)
def test_a_fault_in_the_rules_is_caught(
    rule_test: str, case: str, fault: str, toolbox: Toolbox, tmp_path: Path
) -> None:
    """The rule tests fail when a rule is wrong: none of them passes whatever the rules say."""
    rule_file, right, wrong = FAULTS[rule_test][case][fault]
    broken = Path(shutil.copytree(PROMETHEUS, tmp_path / "prometheus"))
    rules = broken / "rules" / rule_file
    text = rules.read_text()
    assert right in text, "the fault no longer fits the rules"
    rules.write_text(text.replace(right, wrong))

    assert promtool(toolbox, "check", "rules", rules).returncode == 0, "a fault of meaning, not of syntax"
    done = judge(toolbox, alone(broken / "tests" / rule_test, case))

    assert done.returncode != 0
    assert "FAILED" in done.stdout


def test_every_alert_has_cases_and_words_for_a_person() -> None:
    """No alert ships without a case that makes it fire, one where it does not, and all that a person needs."""
    fires = {check["alertname"] for check in checks() if check.get("exp_alerts")}
    rests = {check["alertname"] for check in checks() if not check.get("exp_alerts")}
    names = {alert["alert"] for alert in alerts()}

    assert names == fires
    assert names <= rests
    for alert in alerts():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}


def test_alerts_about_wattshift_ask_the_actuator_for_nothing() -> None:
    """A rule test with exact labels made each of them fire, and none of those labels is one the actuator obeys."""
    labels = {
        label
        for check in checks()
        if check["alertname"].startswith("Wattshift")
        for alert in check.get("exp_alerts", [])
        for label in alert["exp_labels"]
    }

    assert {alert["alert"] for alert in alerts() if not alert["alert"].startswith("Wattshift")} == {"NodePowerHigh"}
    assert "severity" in labels
    assert not labels & OBEYED_BY_ACTUATOR


def test_each_minute_of_energy_is_taken_once() -> None:
    """The group that says what a minute came to is evaluated once a minute."""
    groups = yaml.safe_load((PROMETHEUS / "rules" / "energy.yml").read_text())["groups"]
    (interval,) = {
        group["interval"] for group in groups for rule in group["rules"] if rule["record"].endswith("_joules:minute")
    }

    assert interval == "1m"


def test_the_power_rule_knows_one_minute_only() -> None:
    """Whoever scales the minute finds it written 1m each time, beside the one interval of evaluation."""
    text = "\n".join(line.split("#")[0] for line in (PROMETHEUS / "rules" / "power.yml").read_text().splitlines())

    assert set(re.findall(r"\b\d+(?:ms|[smhdwy])\b", text)) == {"1m", "5s"}
