"""The boards as files: what is committed, and what every board and panel has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from actuator.adapters.store import Store
from deploy.runbook import PAGE, anchors
from grafana.boards import BOARDS, FOLDER, text
from tests.grafana.declared import labels, made, metrics, names
from tests.grafana.questions import Question, everything

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROVISIONING = FOLDER.parent / "provisioning"


def board(name: str) -> dict[str, Any]:
    """A board as it is committed."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return document


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, frozenset[str]]]:
    """Every metric that there is, with its labels."""
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('boards') / 'actuator.db'}")
    store.upgrade()
    yield metrics(store)
    store.close()


def unknown(question: Question, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What a query names that nobody makes."""
    named = names(question.expression)
    there = made(question.expression).union(*(known.get(name, frozenset()) for name in named))
    missing = sorted(named - known.keys()) + sorted(labels(question.expression + question.legend) - there)
    return [f"{question.where}: {each}" for each in missing]


@pytest.mark.parametrize("name", BOARDS)
def test_what_is_committed_is_what_the_code_makes(name: str) -> None:
    """A board is changed in its code alone."""
    assert (FOLDER / f"{name}.json").read_text() == text(BOARDS[name]()), "run: make dashboards"


def test_nothing_else_is_committed() -> None:
    """A board that has no code any more is no board."""
    assert {path.stem for path in FOLDER.iterdir()} == set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows_and_what_stands_there_when_it_is_empty(name: str) -> None:
    """Words, a unit, a text for nothing, and the data source that was chosen."""
    for panel in board(name)["panels"]:
        if panel["type"] == "row":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        units = [
            each["value"]
            for one in panel["fieldConfig"]["overrides"]
            for each in one["properties"]
            if each["id"] == "unit"
        ]

        assert panel["title"], panel
        assert panel["description"], panel["title"]
        assert len(defaults["noValue"]) > len("No"), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        assert defaults.get("unit") or units or panel["type"] == "state-timeline", panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_on_another(name: str) -> None:
    """Each place of the grid's 24 columns is taken once, and panels are numbered once."""
    panels = board(name)["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("name", BOARDS)
def test_boards_lead_to_each_other_and_to_the_runbook(name: str) -> None:
    """By a tag that all have, with time and variables; and to the page that Prometheus serves."""
    document = board(name)
    (others,) = [link for link in document["links"] if link["type"] == "dashboards"]
    (runbook,) = [link for link in document["links"] if link["type"] == "link"]
    (address,) = [each["query"] for each in document["templating"]["list"] if each["name"] == "runbook"]

    assert set(others["tags"]) <= set(document["tags"])
    assert others["includeVars"]
    assert others["keepTime"]
    assert runbook["url"] == "$runbook"
    assert address.endswith(f"/consoles/{PAGE.name}")


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_is_used_and_every_one_used_is_there(name: str) -> None:
    """Nothing at the top of a board is without effect."""
    document = board(name)
    there = {variable["name"] for variable in document["templating"]["list"]}
    shown = json.dumps(document)

    assert {"datasource", "node", "runbook"} <= there
    for variable in there:
        assert f"${variable}" in shown, variable
    for variable in {"datasource", "node", "guest", "tariff", "runbook"} - there:
        assert f"${variable}" not in shown, variable


def test_no_board_names_a_metric_or_a_label_that_nobody_makes(known: Mapping[str, frozenset[str]]) -> None:
    """Exporter, actuator and rules are asked what they make; a new name without its maker fails here."""
    assert [each for question in everything() for each in unknown(question, known)] == []


def test_a_metric_or_label_that_nobody_makes_is_caught(known: Mapping[str, frozenset[str]]) -> None:
    """In an expression's name, matcher and grouping, and in a legend."""
    good = Question("here", 'sum by (node) (wattshift_dcmi_watts{target="local"})', "{{node}}")

    assert unknown(good, known) == []
    assert unknown(replace(good, expression="sum by (node) (wattshift_dmci_watts)"), known) == [
        "here: wattshift_dmci_watts",
        "here: node",
    ]
    assert unknown(replace(good, expression='wattshift_dcmi_watts{domain="package"}'), known) == ["here: domain"]
    assert unknown(replace(good, expression="max by (chip) (wattshift_dcmi_watts)"), known) == ["here: chip"]
    assert unknown(replace(good, legend="{{nodes}}"), known) == ["here: nodes"]
    assert (
        unknown(replace(good, expression="wattshift:node_watts:mean7m"), known)[0]
        == "here: wattshift:node_watts:mean7m"
    )


def test_each_alert_on_a_board_leads_to_its_heading() -> None:
    """The link is made of the alert's name, and the page has an anchor of that name."""
    (panel,) = [panel for panel in board("power")["panels"] if panel["title"] == "Alerts"]
    (link,) = panel["fieldConfig"]["defaults"]["links"]

    assert link["url"] == "$runbook#${__field.labels.alertname}"
    assert "NodePowerHigh" in anchors("NodePowerHigh")
    assert 'id="NodePowerHigh"' in PAGE.read_text()


def test_grafana_finds_what_is_provisioned() -> None:
    """The data source is a Prometheus that is asked as often as it scrapes; the boards come from a folder of files."""
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "wattshift.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "wattshift.yml").read_text())["providers"]
    scrapes = yaml.safe_load((FOLDER.parents[1] / "deploy" / "prometheus" / "prometheus.yml").read_text())

    assert (source["type"], source["access"]) == ("prometheus", "proxy")
    assert {source["jsonData"]["timeInterval"]} == {job["scrape_interval"] for job in scrapes["scrape_configs"]}
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
