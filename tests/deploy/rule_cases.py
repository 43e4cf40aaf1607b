"""Which case of the rule tests catches which fault, so that one is judged by that case and not by all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

# Case -> the faults that it catches. A fault that is named nowhere is judged by the whole file, at its price.
CATCHES = {
    "a load that stays fires after its minute, with exactly the labels the actuator obeys": (
        "the threshold is another",
        "the threshold is another node's",
        "the guest is another",
        "the guest is moved elsewhere",
        "the threshold is another source's",
        "a threshold counts whatever the source",
        "the source is in the alert's identity",
        "a minute is never filled",
        "a sum is taken for a mean",
        "the lowest sample decides",
        "a burst counts as a load",
        "the alert does not wait",
        "the alert waits too long",
        "the alert asks for nothing",
    ),
    "a node that is scraped twice is not two nodes": ("two scrapes of a node are added up",),
    "a load that is too much by both sources is one alert across the change, in both directions": (
        "a threshold is told for another source",
        "a dip ends the episode",
    ),
    "a figure older than a minute is no figure, even where no scrape has said that it ended": ("old figures count",),
    "a source that goes while the alert is pending does not fire": (
        "two samples are a minute",
        "a node gone silent has a mean",
    ),
    "a load whose mean is below the threshold never fires, though most samples are above": (
        "the highest sample decides",
    ),
    "a dip while waiting does not start the wait again": ("the mean does not matter",),
    "a load that is none by the other source resolves, though nothing says that it has gone": (
        "the episode never ends",
    ),
    "a failure during a restart of the actuator still fires": ("only a failure from zero fires",),
    "the first failed job fires at once, for an hour, and carries no label that the actuator obeys": (
        "old failures fire",
        "any job counts as failed",
        "a restart forgets a failure",
    ),
    "an actuator that does not answer fires after five minutes, not while it restarts": (
        "a missing actuator is not missed",
        "a restart is an outage",
    ),
    "a database that fails for two minutes fires, one that is back at once does not": (
        "a moment without the database is an outage",
        "one database that works hides another",
    ),
    "a pair without a leader fires, a standby and a takeover do not": ("a standby is no leader",),
    "a pause of more than four hours fires, a restart in between does not end it": (
        "a restart ends the pause",
        "a pause may last for ever",
    ),
    "a caller who is refused again and again fires; one mistake and other refusals do not": (
        "one mistake is an attack",
        "any refusal is a wrong token",
    ),
    "an exporter that does not answer fires after five minutes; one that may sleep does not": (
        "an exporter down is a source down",
    ),
    "a node that falls back to a source without a threshold fires after five minutes, and not for a short while": (
        "a fall-back is never missed",
        "the actuator is told the node",
    ),
    "a second entry for the same order with the other source is enough, one for another guest is not": (
        "another guest's threshold will do",
    ),
    "a node that may sleep is not missed while it is off, and is while it is awake and measured otherwise": (
        "a sleeping node has to be measured",
        "a node that may sleep need never be measured",
        "a sleeping node is forgotten",
    ),
    "a node that may sleep no longer is missed when it is off": ("what may sleep once may sleep for ever",),
    "a source that keeps changing fires, a fall-back and a few restarts do not": (
        "a source that comes back for good flaps",
        "a source that keeps changing is never missed",
        "a source that stays counts again and again",
        "a change of source is never over",
    ),
    "sources that contradict each other fire after five minutes, and name what to do": (
        "a disagreement that has ended goes on",
        "one disagreement hides another",
    ),
    "an exporter that answers without any power reading fires after five minutes": ("one source gone is all gone",),
}


def judges_of(fault: str, rule_tests: Path) -> Path:
    """Return a file of rule tests, beside this one, with the case that catches the fault alone; else this one.

    Raises:
        ValueError: the case is not there any more.
    """
    for case, faults in CATCHES.items():
        if fault in faults:
            document = yaml.safe_load(rule_tests.read_text())
            kept = [each for each in document["tests"] if each["name"] == case]
            if not kept:
                message = f"{rule_tests.name} has no case {case!r}: say in {__name__} which one catches {fault!r}."
                raise ValueError(message)
            alone = rule_tests.with_stem(f"{rule_tests.stem}-alone")
            alone.write_text(yaml.safe_dump(document | {"tests": kept}))
            return alone
    return rule_tests
