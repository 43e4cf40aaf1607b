"""The runbook against the alerts: neither may know what the other does not, and the link between them opens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from actuator.cli import make_parser as actuator_parser
from deploy.runbook import PAGE, SOURCE, anchor, anchors, page
from exporter.flags import make_parser as exporter_parser

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
PARSERS = {"wattshift-actuator": actuator_parser, "wattshift-exporter": exporter_parser}
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


def commands(text: str) -> set[tuple[str, ...]]:
    """Every call of a program of ours in a text, within a paragraph or on a line of its own, as words."""
    named = re.findall(rf"(?:^    |`)((?:{'|'.join(PARSERS)}) [^`|\n]+)", text, flags=re.MULTILINE)
    return {tuple(shlex.split(command, comments=True)) for command in named}


def test_the_programs_take_every_command_that_the_runbook_names() -> None:
    """Whoever is called at night types what stands there: no command or flag that a program does not have."""
    found = commands(SOURCE.read_text())

    assert {command[0] for command in found} == PARSERS.keys()
    assert len(found) > len(PARSERS) * 3
    for program, *arguments in found:
        assert PARSERS[program]().parse_args(arguments), arguments


@pytest.mark.parametrize("wrong", ["wattshift-actuator plan --nodes x y", "wattshift-exporter look"])
def test_a_command_that_a_program_does_not_take_is_caught(wrong: str) -> None:
    """In a paragraph as on its own line."""
    for text in (f"see `{wrong}`", f"\n    {wrong}    # why\n"):
        ((program, *arguments),) = commands(text)
        with pytest.raises(SystemExit):
            PARSERS[program]().parse_args(arguments)
