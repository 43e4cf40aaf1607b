"""The page about tokens, TLS, reloading and the audit, compared with the program."""

from __future__ import annotations

import re
import time
from pathlib import Path

from actuator.api.audit import AuditLine
from actuator.api.pages.live import MOST_WATCHED
from actuator.api.pages.sessions import MOST_SESSIONS, Sessions
from actuator.auth import Scope
from actuator.policy.audit import AuditEvent
from actuator.reload import RELOADABLE
from actuator.web_section import WebSection
from deploy.lab.plans import ACTUATOR_TOKEN

PAGE = (Path(__file__).parents[2] / "docs" / "actuator-access.md").read_text()


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def names(text: str) -> set[str]:
    """The names in typewriter letters."""
    return set(re.findall(r"`([a-z_]+)`", text))


def first_column(text: str) -> set[str]:
    """The names in the first column of the table."""
    return {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in names(row)}


def test_scopes() -> None:
    """Every scope is told, and none that is not there."""
    assert first_column(section("Tokens")) == {str(scope) for scope in Scope}


def test_audit() -> None:
    """Every name of a line and every event is told, and none that is not there."""
    text = section("The audit")
    [events] = re.findall(r"^\| `event` \| (.*) \|", text, re.MULTILINE)

    assert first_column(text) == set(AuditLine.model_fields)
    assert names(events) == {str(event) for event in AuditEvent}


def test_reloading_and_tls() -> None:
    """Every key that can change is told, and every key of the listener."""
    assert set(RELOADABLE) <= names(section("Reloading"))
    assert all(key in PAGE for key in WebSection.model_fields)


def test_the_page() -> None:
    """How long a session lasts, and how many there may be of what, is told as it is."""
    told = [int(number) for number in re.findall(r"\b(\d+) (?:hours|sessions|open pages)", section("The page"))]

    assert told == [Sessions(clock=time.monotonic).lifetime_seconds // 3600, MOST_SESSIONS, MOST_WATCHED]


def test_privileges() -> None:
    """Every privilege that the lab's token has is told, and none that it has not."""
    told = set(re.findall(r"`([A-Z][A-Za-z]+\.[A-Z][A-Za-z]+)`", section("In Proxmox")))

    assert told == set().union(*ACTUATOR_TOKEN.acl.values())
