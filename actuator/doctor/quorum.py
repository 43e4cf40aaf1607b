"""The cluster: its quorum, its nodes against those configured, and a third vote for a cluster of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from actuator.doctor.facts import Facts

TITLE = "Cluster"

_TWO = 2


def check(facts: Facts) -> list[Finding]:
    """Judge the cluster."""
    if not facts.members:
        return [problem(f"the cluster's state cannot be told ({_why(facts)})")]
    return [_quorum(facts), *_nodes(facts), *_third_vote(facts)]


def _why(facts: Facts) -> str:
    answer = facts.status
    return "no endpoint answers" if answer.status is None else f"{answer.status} {answer.reason}"


def _quorum(facts: Facts) -> Finding:
    off = sorted(name for name, online in facts.members.items() if not online)
    away = f" (off: {', '.join(off)})" if off else ""
    if facts.quorate:
        return ok(f"the cluster has quorum, {len(facts.members) - len(off)} of {len(facts.members)} nodes are on{away}")
    return warning(
        f"the cluster has no quorum{away}: guests go on, but none can be moved until enough nodes are on; "
        f"a node that is woken brings its vote",
        "pvecm status  # on a node that is on",
    )


def _nodes(facts: Facts) -> list[Finding]:
    strangers = sorted(set(facts.settings.nodes) - set(facts.members))
    known = ", ".join(sorted(facts.members))
    return [
        problem(f"node {name} is configured, but Proxmox knows only {known}: correct its name under 'nodes'")
        for name in strangers
    ]


def _third_vote(facts: Facts) -> list[Finding]:
    if len(facts.members) != _TWO:
        return []
    setup = "pvecm qdevice setup ADDRESS  # of a third machine that runs corosync-qnetd; packages: corosync-qdevice"
    if not facts.qdevice.good or not isinstance(facts.qdevice.data, dict):
        return [warning("whether this cluster of two has a QDevice cannot be told: see pvecm status", "pvecm status")]
    state = facts.qdevice.data.get("State")
    if state == "Connected":
        return [ok("a QDevice gives this cluster of two its third vote")]
    if facts.qdevice.data:
        return [
            problem(
                f"the QDevice gives no vote (state: {state or 'unknown'})",
                "systemctl status corosync-qdevice  # on each node; and corosync-qnetd on the third machine",
            )
        ]
    return [
        warning(
            "two nodes and no QDevice: while one of them is off the other has no quorum, nothing can be changed there, "
            "and with guests under HA it restarts itself",
            setup,
        )
    ]
