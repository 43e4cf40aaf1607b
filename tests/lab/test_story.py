"""The demo's story: each turn is told once, in words a person understands."""

from __future__ import annotations

from dataclasses import replace

from deploy.lab.story import Look, Story

REST = Look(0.0, {"pve": "off", "pve2": "on"}, {"pve2": 5.0}, quorate=False, alert="inactive", delivered=False)


def story() -> Story:
    """A story whose beginning has been told."""
    begun = Story({"pve2": 6.0})
    begun.tell(REST)
    return begun


def test_the_beginning_says_which_nodes_are_on() -> None:
    """The first look tells the state of each node and nothing that has not happened."""
    assert Story({"pve2": 6.0}).tell(REST) == ["pve is off", "pve2 is up"]


def test_what_stays_is_not_told_again() -> None:
    """A look that shows nothing new adds nothing."""
    assert story().tell(replace(REST, at=1.0)) == []


def test_crossing_the_threshold_is_told_both_ways_once() -> None:
    """Above it, still above it, below it again: two lines."""
    told = story()
    lines = [told.tell(replace(REST, watts={"pve2": watts})) for watts in (16.0, 17.0, 5.0)]

    assert lines == [
        ["pve2 draws 16.0 W, above its threshold of 6 W"],
        [],
        ["pve2 draws 5.0 W, below its threshold again"],
    ]


def test_a_node_without_a_threshold_is_only_watched() -> None:
    """However much it draws."""
    assert story().tell(replace(REST, watts={"pve": 900.0, "pve2": 5.0})) == []


def test_watts_that_vanish_are_no_fall() -> None:
    """A figure that is missing says nothing about the threshold."""
    told = story()
    told.tell(replace(REST, watts={"pve2": 16.0}))

    assert told.tell(replace(REST, watts={})) == []


def test_the_alerts_way_is_told_turn_by_turn() -> None:
    """Pending, firing and delivered, resolved, and only at the end that the actuator heard of it."""
    told = story()
    pending = replace(REST, alert="pending")
    firing = replace(REST, alert="firing", delivered=True)
    over = replace(REST, alert="inactive", delivered=False)

    assert told.tell(pending) == ["the rule sees it, and waits whether it lasts"]
    assert told.tell(firing) == [
        "the alert NodePowerHigh fires",
        "Alertmanager has the alert, and calls the actuator",
    ]
    assert told.tell(over) == ["the alert NodePowerHigh resolves in Prometheus"]
    assert told.tell(replace(over, told_resolved=True)) == ["Alertmanager has told the actuator that it is over"]


def test_nodes_quorum_and_the_jobs_events_are_told() -> None:
    """A boot, the quorum it brings, and what the actuator says of its job, in its own words."""
    look = replace(REST, power={"pve": "booting", "pve2": "on"}, quorate=True, events=[{"message": "Ready."}])

    assert story().tell(look) == ["pve boots", "the cluster is quorate", "actuator: Ready."]
