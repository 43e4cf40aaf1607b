"""What Proxmox tells of HA and of the cluster's options."""

from __future__ import annotations

import pytest

from actuator.adapters.fields import UnexpectedShape
from actuator.adapters.ha_shapes import cluster_options_of, ha_status_of, settled_of
from actuator.policy.ha import ClusterOptions, HaService, HaStatus
from tests.actuator.adapters.recordings import recorded


def test_the_recorded_status_of_an_idle_stack() -> None:
    """With nothing to guard HA stands by, which is no obstacle."""
    assert ha_status_of(recorded("ha-status-current")) == HaStatus("standby", {})


def test_services_among_other_entries() -> None:
    """Managers are passed over; before PVE 9.1.3 nothing tells whether HA is armed."""
    status = ha_status_of(
        [
            {"id": "quorum", "type": "quorum", "node": "pve1", "quorate": 1, "status": "OK"},
            {"id": "master", "type": "master", "node": "pve1", "status": "pve1 (active, Wed Nov 25 12:00:00 2026)"},
            {"id": "lrm:pve1", "type": "lrm", "node": "pve1", "status": "pve1 (active, Wed Nov 25 12:00:00 2026)"},
            {"type": "service", "sid": "vm:100", "node": "pve1", "crm_state": "migrate", "state": "migrate"},
            {"type": "service", "sid": "ct:101", "node": "pve2", "state": "started"},
        ]
    )

    assert status.armed is None
    assert status.services == {"vm:100": HaService("pve1", "migrate"), "ct:101": HaService("pve2", "started")}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ClusterOptions()),
        ({"crs": {"ha": "dynamic", "ha-auto-rebalance": 1}}, ClusterOptions(ha_rebalancing=True)),
        ({"crs": "ha=static,ha-auto-rebalance=1"}, ClusterOptions(ha_rebalancing=True)),
        ({"crs": {"ha-auto-rebalance": "0", "ha-rebalance-on-start": 1}}, ClusterOptions()),
        ({"ha": {"shutdown_policy": "migrate"}}, ClusterOptions(shutdown_policy="migrate")),
        ({"ha": "shutdown_policy=freeze"}, ClusterOptions(shutdown_policy="freeze")),
    ],
)
def test_the_options_in_both_their_forms(options: object, expected: ClusterOptions) -> None:
    """A property string or an object, a number or a text: all mean the same; what is not set is off."""
    assert cluster_options_of(options) == expected


def test_the_recorded_options_set_nothing() -> None:
    """A cluster that says nothing of HA does not rebalance."""
    assert cluster_options_of(recorded("cluster-options")) == ClusterOptions()


def test_the_recorded_resources_may_all_be_moved() -> None:
    """What nobody set is on, as Proxmox has it; a release that does not know it tells nothing either."""
    assert settled_of(recorded("ha-resources")) == frozenset()


def test_resources_that_balancing_leaves_alone() -> None:
    """Only an explicit no counts, as a number or as a text."""
    answer = [
        {"sid": "vm:100", "auto-rebalance": 0},
        {"sid": "vm:101", "auto-rebalance": 1},
        {"sid": "ct:102", "auto-rebalance": "0"},
        {"sid": "vm:103"},
    ]

    assert settled_of(answer) == {"vm:100", "ct:102"}


@pytest.mark.parametrize("answer", [None, {}, [{"type": "service"}], [1]])
def test_what_is_no_status_is_refused(answer: object) -> None:
    """An answer of another shape is never an HA without services."""
    with pytest.raises(UnexpectedShape):
        ha_status_of(answer)
