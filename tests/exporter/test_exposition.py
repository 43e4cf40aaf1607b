"""Rendering a snapshot."""

from __future__ import annotations

import tomllib
from pathlib import Path

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from exporter import __version__
from exporter.exposition import Exposition
from exporter.readings import Disagreement, Kind, Reason, Snapshot, SourceState
from exporter.settings import NODE_SOURCES
from exporter.sources import dcmi, rapl
from tests.exporter.worlds import POWER, snapshot

FAMILIES = (*rapl.Rapl.families, *dcmi.Dcmi.families, POWER)


def render(shown: Snapshot) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample of the exposition, by name and sorted labels."""
    registry = CollectorRegistry()
    Exposition("pve2", FAMILIES, NODE_SOURCES, lambda: shown).register(registry)
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_series_carries_the_node() -> None:
    """Whatever is shown can be told apart by node in a cluster."""
    shown = render(snapshot([(rapl.JOULES, ("0", "", "package"), 5.0), (dcmi.WATTS, ("local",), 212.0)]))

    assert shown
    assert all(("node", "pve2") in labels for _, labels in shown)


def test_figures_keep_their_names_labels_and_values() -> None:
    """A counter ends in _total once, an empty die stays an empty label."""
    shown = render(snapshot([(rapl.JOULES, ("0", "", "package"), 5.25)]))
    labels = (("die", ""), ("domain", "package"), ("node", "pve2"), ("package", "0"))

    assert shown[("wattshift_rapl_joules_total", labels)] == 5.25


def test_the_node_has_one_series_or_none() -> None:
    """Exactly one figure stands for the node, with its source; without any, the series is absent and not 0."""
    both = render(snapshot([(dcmi.WATTS, ("local",), 212.0), (rapl.WATTS, ("0", "", "package"), 40.0)]))
    nodes = {key: value for key, value in both.items() if key[0] == "wattshift_node_watts"}

    assert nodes == {("wattshift_node_watts", (("node", "pve2"), ("source", "dcmi"))): 212.0}
    assert not [key for key in render(Snapshot(())) if key[0] != "wattshift_exporter_build_info"]


def node_and(source: str) -> tuple[tuple[str, str], ...]:
    """Return the labels of a source's health."""
    return (("node", "pve2"), ("source", source))


def test_health_is_shown_as_far_as_it_is_known() -> None:
    """A source that was never read has no health but its error counters; one that failed has a reason."""
    errors = dict.fromkeys(Reason, 0)
    fresh = SourceState("rapl", None, (), (), None, None, errors, 0)
    failed = SourceState(
        "dcmi",
        up=False,
        readings=(),
        failures=(),
        last_success=None,
        duration=0.5,
        errors=errors | {Reason.AUTH: 3},
        reads=3,
    )
    shown = render(Snapshot((fresh, failed)))

    assert ("wattshift_source_up", node_and("rapl")) not in shown
    assert shown[("wattshift_source_up", node_and("dcmi"))] == 0.0
    assert shown[("wattshift_source_duration_seconds", node_and("dcmi"))] == 0.5
    assert ("wattshift_source_last_success_timestamp_seconds", node_and("dcmi")) not in shown
    counters = {
        dict(labels)["reason"]: value
        for (name, labels), value in shown.items()
        if name == "wattshift_source_errors_total" and dict(labels)["source"] == "dcmi"
    }
    assert counters == {reason.value: 3.0 if reason is Reason.AUTH else 0.0 for reason in Reason}


def test_a_disagreement_is_shown_while_it_can_be_judged_and_counted_always() -> None:
    """0, 1, or absent; the counter stays."""
    found = render(
        Snapshot(
            (),
            (
                Disagreement("dcmi", Kind.ABOVE_METER, holds=True, onsets=2),
                Disagreement("dcmi", Kind.FROZEN, holds=False, onsets=0),
                Disagreement("acpi", Kind.FROZEN, holds=None, onsets=1),
            ),
        )
    )
    shown = {
        (name.removeprefix("wattshift_source_"), dict(labels)["source"], dict(labels)["kind"]): value
        for (name, labels), value in found.items()
        if "disagreement" in name
    }

    assert shown == {
        ("disagreement", "dcmi", "above_meter"): 1.0,
        ("disagreement", "dcmi", "frozen"): 0.0,
        ("disagreements_total", "dcmi", "above_meter"): 2.0,
        ("disagreements_total", "dcmi", "frozen"): 0.0,
        ("disagreements_total", "acpi", "frozen"): 1.0,
    }


def test_the_version_shown_is_that_of_the_distribution() -> None:
    """It is written in two places, since Debian's build of the exporter carries no Python metadata."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())

    assert __version__ == project["project"]["version"]


def test_registering_reads_nothing() -> None:
    """The registry may be set up before anything was read."""

    def untouchable() -> Snapshot:
        raise AssertionError

    Exposition("pve2", FAMILIES, NODE_SOURCES, untouchable).register(CollectorRegistry())
