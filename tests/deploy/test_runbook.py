"""The runbook against the alerts: neither may know what the other does not, and the link between them opens."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from deploy.runbook import PAGE, SOURCE, anchor, anchors, page

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
PARTS = ["Meaning", "Impact", "Diagnosis", "Mend"]


def links() -> dict[str, str]:
    """Alert -> its annotation ``runbook_url``, of every rule file."""
    groups = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
    return {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }


def test_each_alert_has_one_heading_and_each_heading_an_alert() -> None:
    """A heading says what the alert means, what it does to people, how to look and how to mend, in this order."""
    chapters = re.split(r"^## ", SOURCE.read_text(), flags=re.MULTILINE)[1:]

    assert sorted(chapter.partition("\n")[0] for chapter in chapters) == sorted(links())
    for chapter in chapters:
        assert re.findall(r"^\*\*(\w+)\.\*\*", chapter, flags=re.MULTILINE) == PARTS, chapter


def test_each_alert_links_to_its_heading_on_the_page() -> None:
    """By Prometheus's own address, the file that is shipped, and an anchor that is there once; and so is its name."""
    served = PAGE.read_text()

    for alert, link in links().items():
        assert link == f"{{{{ $externalURL }}}}/consoles/{PAGE.name}#{anchor(alert)}"
        for name in anchors(alert):
            assert served.count(f'id="{name}"') == 1


def test_the_page_is_that_of_the_runbook() -> None:
    """What is shipped is what `make runbook` makes."""
    assert PAGE.read_text() == page(SOURCE.read_text()), "run: make runbook"


def test_nothing_in_the_runbook_is_run_as_a_template() -> None:
    """Prometheus would evaluate braces; they are shown instead."""
    assert "{{" not in page("## A\n\n`{{ $value }}` and {{ query }}\n")
