"""What the lab changes in the files a user deploys, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from deploy.lab.configuration import (
    DEPLOY,
    Addresses,
    Windows,
    write_actuator,
    write_alertmanager,
    write_prometheus,
)

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = Addresses(
    "127.1.1.2:9090", "127.1.1.3:9093", "127.1.1.4:19093", {"pve": "127.1.1.11:19100", "pve2": "127.1.1.12:19100"}
)
DURATIONS = {"for", "keep_firing_for", "interval"}


def load(path: Path) -> Any:
    """Read one file."""
    return yaml.safe_load(path.read_text())


def test_the_rules_differ_in_nothing_but_the_length_of_the_minute(tmp_path: Path) -> None:
    """Every rule is there with its labels and texts; a minute is ten seconds, and nothing else is another."""
    write_prometheus(tmp_path, ADDRESSES, Windows(), may_sleep=["pve"])
    for shipped in (DEPLOY / "prometheus" / "rules").glob("*.yml"):
        before, after = load(shipped), load(tmp_path / "rules" / shipped.name)
        for was, now in zip(before["groups"], after["groups"], strict=True):
            assert now["name"] == was["name"]
            assert now.get("interval") == (was.get("interval") and ("10s" if was["interval"] == "1m" else "1s"))
            for old, new in zip(was["rules"], now["rules"], strict=True):
                assert {k: v for k, v in new.items() if k not in {*DURATIONS, "expr"}} == {
                    k: v for k, v in old.items() if k not in {*DURATIONS, "expr"}
                }
                assert new["expr"] == old["expr"].replace("[1m]", "[10s]")
                for key in DURATIONS & old.keys():
                    assert new[key] == old[key].replace("1m", "10s")
    power = load(tmp_path / "rules" / "power.yml")["groups"][0]
    assert {rule["for"] for rule in power["rules"] if "for" in rule} == {"10s"}


def test_prometheus_scrapes_the_labs_addresses(tmp_path: Path) -> None:
    """Each exporter is a target, the one whose node may sleep is marked, and the actuator is one too."""
    jobs = {
        job["job_name"]: job["static_configs"]
        for job in load(write_prometheus(tmp_path, ADDRESSES, Windows(), may_sleep=["pve"]))["scrape_configs"]
    }

    assert jobs["wattshift-exporter"] == [
        {"targets": ["127.1.1.11:19100"], "labels": {"may_sleep": "true"}},
        {"targets": ["127.1.1.12:19100"]},
    ]
    assert jobs["wattshift-actuator"] == [{"targets": ["127.1.1.4:19093"]}]


def test_alertmanager_calls_the_labs_actuator(tmp_path: Path) -> None:
    """Matchers and receivers are those shipped; address, token file and intervals are the lab's."""
    shipped = load(DEPLOY / "alertmanager" / "alertmanager.yml")
    written = load(write_alertmanager(tmp_path, ADDRESSES, Windows(), tmp_path / "token"))
    (webhook,) = written["receivers"][0]["webhook_configs"]

    assert webhook["url"] == "http://127.1.1.4:19093/api/v1/alerts"
    assert webhook["http_config"]["authorization"]["credentials_file"] == str(tmp_path / "token")
    assert webhook["send_resolved"] == shipped["receivers"][0]["webhook_configs"][0]["send_resolved"]
    assert written["route"]["routes"][0]["matchers"] == shipped["route"]["routes"][0]["matchers"]


def test_layers_are_merged_and_none_takes_away(tmp_path: Path) -> None:
    """A later layer wins key by key; a key that is None in it is gone; what nobody names stays as shipped."""
    shipped = load(DEPLOY / "actuator" / "actuator.yml")
    written = load(
        write_actuator(tmp_path, {"nodes": {"pve": {"boot_timeout_seconds": None}}, "mode": "act"}, {"mode": "observe"})
    )

    assert "boot_timeout_seconds" not in written["nodes"]["pve"]
    assert written["nodes"]["pve"]["wake"] == shipped["nodes"]["pve"]["wake"]
    assert written["mode"] == "observe"
    assert written["proxmox"] == shipped["proxmox"]
