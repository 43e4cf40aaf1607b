"""What is written about the exporter, against the exporter: neither may know what the other does not."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import socket

import pytest

import exporter
from exporter.flags import make_parser
from exporter.readings import Family, Kind, Reason
from tests.documents import ROOT, missing, named_tests, rows

METRICS = ROOT / "docs" / "metrics.md"
PROMISES = ROOT / "docs" / "promises.md"

_DEFAULT = re.compile(r"\(default ([^)]+)\)")


def quoted(heading: str) -> dict[str, list[str]]:
    """Return the rows of `METRICS` under a heading whose first cell is code, by that cell."""
    part = METRICS.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {row[0].strip("`"): row[1:] for row in rows(part) if row[0].startswith("`")}


def families() -> set[Family]:
    """Return every metric that a module of the exporter, or a class in one, declares."""
    found: set[Family] = set()
    for module in pkgutil.walk_packages(exporter.__path__, "exporter."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, Family):
                found.add(thing)
            elif isinstance(thing, type) and isinstance(declared := getattr(thing, "families", None), tuple):
                found.update(declared)
    return found


def flags() -> dict[str, str]:
    """Return every flag with its default as a person writes it."""
    return {option: shown_default(action) for action in make_parser()._actions for option in action.option_strings}


def shown_default(action: argparse.Action) -> str:
    """Return the default that the help tells, or else the parser's own."""
    told = _DEFAULT.search(action.help or "")
    if told:
        return told[1]
    if action.dest == "node":
        assert action.default == socket.gethostname().split(".")[0]
        return "short host name"
    if action.default in {None, argparse.SUPPRESS}:
        return "none"
    return {True: "on", False: "off"}.get(action.default, str(action.default))


def test_every_metric_is_documented_and_none_that_is_not_there() -> None:
    """Name, type and labels, in both directions; and each says what it means, when it is absent, when it begins."""
    documented = {
        row[0].strip("`"): (row[1], tuple(filter(None, row[2].split(", "))))
        for row in rows(METRICS.read_text())
        if row[0].startswith("`wattshift_")
    }

    assert documented == {family.name: (family.kind, family.labels) for family in families()}
    for row in rows(METRICS.read_text()):
        if row[0].startswith("`wattshift_"):
            assert len(row) == 6
            assert all(row)


def test_every_metric_that_a_machine_shows_is_documented() -> None:
    """Whatever made it: also one that no source has declared."""
    shown = {
        line.split()[2]
        for golden in (ROOT / "tests" / "fixtures" / "machines").glob("*/*.txt")
        for line in golden.read_text().splitlines()
        if line.startswith("# TYPE wattshift_")
    }
    documented = {row[0].strip("`") for row in rows(METRICS.read_text())}

    assert "wattshift_node_watts" in shown
    assert shown <= documented


def test_every_flag_is_documented_with_its_default_and_none_that_is_not_there() -> None:
    """A flag's row names it, its default and its meaning."""
    documented = {
        option: row[1]
        for row in rows(METRICS.read_text())
        for option in re.findall(r"`(-[-\w.]+)`", row[0])
        if row[0].startswith("`-")
    }

    assert documented == flags()
    assert all(len(row) == 3 and all(row) for row in rows(METRICS.read_text()) if row[0].startswith("`-"))


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Reasons", {reason.value for reason in Reason}),
        ("Disagreements", {kind.value for kind in Kind}),
    ],
)
def test_every_word_of_a_closed_set_is_documented(heading: str, words: set[str]) -> None:
    """Each has a meaning and says what to do; no other word has."""
    documented = quoted(heading)

    assert set(documented) == words
    assert all(len(cells) == 2 and all(cells) for cells in documented.values())


def test_every_command_is_documented() -> None:
    """What the program can be told to do, and nothing else."""
    (commands,) = (action.choices for action in make_parser()._actions if action.dest == "command")

    assert set(quoted("Commands")) == set(commands or ())


def test_what_is_missing_from_the_page_would_be_noticed() -> None:
    """The walk over the modules finds what is declared in each way: by a source, by a module, by fleet mode."""
    names = {family.name for family in families()}

    assert {"wattshift_rapl_watts", "wattshift_node_watts", "wattshift_guest_watts", "wattshift_source_up"} <= names
    assert len(flags()) > 30


def test_every_promise_names_tests_that_exist() -> None:
    """What is claimed to be right has a test by that name in that file."""
    promises = [row for row in rows(PROMISES.read_text()) if row[0] != "complaint"]
    assert len(promises) > 20
    for row in promises:
        assert named_tests(row[2]), row
        assert missing(named_tests(row[2])) == []
