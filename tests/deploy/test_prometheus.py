"""Prometheus's configuration and rules, judged by the real promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.rule_cases import CATCHES, judges_of

if TYPE_CHECKING:
    from deploy.lab.tools import Toolbox

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = sorted(path.name for path in (PROMETHEUS / "rules").glob("*.yml"))
OBEYED_BY_ACTUATOR = {"action", "node", "vmid", "target_node"}

# Each fault, put into the rules, has to be caught by a case of the rule tests: (rule file, text, what takes its place).
FAULTS = {
    "the threshold is another": ("thresholds.yml", "vector(6)", "vector(13)"),
    "the threshold is another node's": ("thresholds.yml", "node: pve2", "node: pve"),
    "the guest is another": ("thresholds.yml", 'vmid: "100"', 'vmid: "101"'),
    "the guest is moved elsewhere": ("thresholds.yml", "target_node: pve\n", "target_node: pve9\n"),
    "the threshold is another source's": ("thresholds.yml", "source: dcmi", "source: rapl"),
    "two scrapes of a node are added up": ("power.yml", "avg by (node, source)", "sum by (node, source)"),
    "a threshold counts whatever the source": (
        "power.yml",
        "group_right () wattshift:node_threshold_watts",
        "group_right () max without (source) (wattshift:node_threshold_watts)",
    ),
    "the source is in the alert's identity": ("power.yml", "max without (source) (", "max without (instance) ("),
    "a threshold is told for another source": (
        "power.yml",
        "on (node, source) wattshift:node_watts:mean",
        "on (node) wattshift:node_watts:mean",
    ),
    "old figures count": (
        "power.yml",
        "wattshift_node_watts and count_over_time(wattshift_node_watts[1m])",
        "wattshift_node_watts",
    ),
    "two samples are a minute": ("power.yml", ">= 6", ">= 1"),
    "a minute is never filled": ("power.yml", ">= 6", ">= 60"),
    "a node gone silent has a mean": ("power.yml", "and wattshift:node_watts\n", "\n"),
    "a sum is taken for a mean": ("power.yml", "avg_over_time", "sum_over_time"),
    "the highest sample decides": ("power.yml", "avg_over_time", "max_over_time"),
    "the lowest sample decides": ("power.yml", "quantile_over_time(0.5,", "quantile_over_time(0,"),
    "a burst counts as a load": ("power.yml", "quantile_over_time(0.5,", "quantile_over_time(1,"),
    "the mean does not matter": ("power.yml", "(wattshift:node_watts:mean >", "(wattshift:node_watts >"),
    "the alert does not wait": ("power.yml", "        for: 1m\n", ""),
    "the alert waits too long": ("power.yml", "        for: 1m\n", "        for: 2m\n"),
    "a dip ends the episode": ("power.yml", "        keep_firing_for: 1m\n", ""),
    "the episode never ends": ("power.yml", "keep_firing_for: 1m", "keep_firing_for: 1h"),
    "the alert asks for nothing": ("power.yml", "          action: migrate", "          verb: migrate"),
    "only a failure from zero fires": ("wattshift.yml", "> min_over_time(", "> 3 * min_over_time("),
    "old failures fire": ("wattshift.yml", '> min_over_time(wattshift_jobs{state="failed"}[1h])', "> 0"),
    "any job counts as failed": ("wattshift.yml", 'wattshift_jobs{state="failed"}', "wattshift_jobs"),
    "a restart forgets a failure": ("wattshift.yml", "[1h]", "[2m]"),
    "a missing actuator is not missed": (
        "wattshift.yml",
        'absent(up{job="wattshift-actuator"} == 1)',
        'up{job="wattshift-actuator"} == 0',
    ),
    "a restart is an outage": ("wattshift.yml", "for: 5m", "for: 1m"),
    "a moment without the database is an outage": (
        "wattshift.yml",
        "(wattshift_store_up) == 0\n        for: 2m\n",
        "(wattshift_store_up) == 0\n",
    ),
    "one database that works hides another": (
        "wattshift.yml",
        "max by (instance) (wattshift_store_up)",
        "max by (job) (wattshift_store_up)",
    ),
    "a standby is no leader": ("wattshift.yml", "max by (job) (wattshift_leader)", "min by (job) (wattshift_leader)"),
    "a restart ends the pause": ("wattshift.yml", "max_over_time(wattshift_paused[10m])", "wattshift_paused"),
    "a pause may last for ever": ("wattshift.yml", "for: 4h", "for: 12h"),
    "one mistake is an attack": ("wattshift.yml", "for: 20m", "for: 10m"),
    "any refusal is a wrong token": ("wattshift.yml", '{status=~"401|403|429"}', ""),
    "a sleeping node is an outage": ("wattshift.yml", ', may_sleep!="true"', ""),
    "an exporter down is a source down": ("wattshift.yml", 'up{job="wattshift-exporter"} == 1 unless', "up unless"),
    "a fall-back is never missed": (
        "wattshift.yml",
        "(wattshift:node_threshold_watts and on (node, source)",
        "(wattshift:node_threshold_watts and on (node)",
    ),
    "another guest's threshold will do": ("wattshift.yml", "unless on (node, vmid, target_node)", "unless on (node)"),
    "a sleeping node has to be measured": (
        "wattshift.yml",
        "(wattshift:node_may_sleep == 1 unless",
        "(wattshift:node_may_sleep == 2 unless",
    ),
    "a node that may sleep need never be measured": (
        "wattshift.yml",
        "(wattshift:node_may_sleep == 1 unless on (node) wattshift_exporter_build_info)",
        "(wattshift:node_may_sleep == 1)",
    ),
    "a sleeping node is forgotten": (
        "wattshift.yml",
        "last_over_time(wattshift:node_may_sleep[1d])",
        "last_over_time(up[1d])",
    ),
    "what may sleep once may sleep for ever": (
        "wattshift.yml",
        "0 * group by (node) (wattshift_exporter_build_info)",
        "0 * group by (node) (up)",
    ),
    "the actuator is told the node": ("wattshift.yml", "count by (threshold_of)", "count by (threshold_of, node)"),
    "a source that comes back for good flaps": ("wattshift.yml", ") > 7", ") > 0"),
    "a source that keeps changing is never missed": (
        "wattshift.yml",
        "sum by (instance) (\n            count_over_time((wattshift_node_watts",
        "max by (instance) (\n            count_over_time((wattshift_node_watts",
    ),
    "a source that stays counts again and again": ("wattshift.yml", " unless wattshift_node_watts offset 15s", ""),
    "a change of source is never over": ("wattshift.yml", "[15m:15s]", "[1h:15s]"),
    "a disagreement that has ended goes on": (
        "wattshift.yml",
        "(wattshift_source_disagreement) == 1",
        "(wattshift_source_disagreement) >= 0",
    ),
    "one disagreement hides another": ("wattshift.yml", "max by (instance, source, kind)", "max by (instance)"),
    "one source gone is all gone": ("wattshift.yml", "wattshift_node_watts\n", 'wattshift_node_watts{source="rapl"}\n'),
}


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


def alerts_of(rule_file: str) -> list[dict[str, Any]]:
    """The alerting rules of one file."""
    groups = yaml.safe_load((PROMETHEUS / "rules" / rule_file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_rules_is_caught(fault: str, toolbox: Toolbox, tmp_path: Path) -> None:
    """The rule tests fail when a rule is wrong: none of them passes whatever the rules say."""
    rule_file, right, wrong = FAULTS[fault]
    broken = Path(shutil.copytree(PROMETHEUS, tmp_path / "prometheus"))
    rules = broken / "rules" / rule_file
    text = rules.read_text()
    assert right in text, "the fault no longer fits the rules"
    rules.write_text(text.replace(right, wrong))

    assert promtool(toolbox, "check", "rules", rules).returncode == 0, "a fault of meaning, not of syntax"
    rule_tests = broken / "tests" / ("wattshift.yml" if rule_file == "wattshift.yml" else "power.yml")
    done = judge(toolbox, judges_of(fault, rule_tests))

    assert done.returncode != 0
    assert "FAILED" in done.stdout


def test_each_fault_is_said_to_be_caught_once() -> None:
    """What is said of the cases speaks of faults that there are, and of each by one case."""
    said = [fault for faults in CATCHES.values() for fault in faults]

    assert len(said) == len(set(said))
    assert set(said) <= set(FAULTS)


@pytest.mark.parametrize("rule_file", ["power.yml", "wattshift.yml"])
def test_every_alert_has_a_rule_test_and_words_for_a_person(rule_file: str) -> None:
    """No alert ships without a case that makes it fire, a severity, a summary and a description."""
    cases = yaml.safe_load((PROMETHEUS / "tests" / rule_file).read_text())["tests"]
    fired = {
        check["alertname"] for case in cases for check in case.get("alert_rule_test", []) if check.get("exp_alerts")
    }

    assert {alert["alert"] for alert in alerts_of(rule_file)} == fired
    for alert in alerts_of(rule_file):
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert set(alert["annotations"]) == {"summary", "description"}


def test_alerts_about_wattshift_ask_the_actuator_for_nothing() -> None:
    """A rule test with exact labels made each of them fire, and none of those labels is one the actuator obeys."""
    cases = yaml.safe_load((PROMETHEUS / "tests" / "wattshift.yml").read_text())["tests"]
    labels = {
        label
        for case in cases
        for check in case.get("alert_rule_test", [])
        for alert in check.get("exp_alerts", [])
        for label in alert["exp_labels"]
    }

    assert "severity" in labels
    assert not labels & OBEYED_BY_ACTUATOR


def test_the_power_rule_knows_one_minute_only() -> None:
    """Whoever scales the minute finds it written 1m each time, beside the one interval of evaluation."""
    text = "\n".join(line.split("#")[0] for line in (PROMETHEUS / "rules" / "power.yml").read_text().splitlines())

    assert set(re.findall(r"\b\d+(?:ms|[smhdwy])\b", text)) == {"1m", "5s"}
