"""What the API token may do, against what the actuator needs (``GET /access/permissions``, of the caller).

The answer names paths and the effective privileges there; what is not named inherits from the nearest above that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actuator.adapters.waking import Name
from actuator.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actuator.doctor.facts import Facts

TITLE = "Privileges"

_MOVE = ("VM.Audit", "VM.Migrate")
_ROLE = "sh role-and-token.sh  # deploy/proxmox, as root on a node of the cluster; -p POOL for a pool's guests alone"


def check(facts: Facts) -> list[Finding]:
    """Judge what the first endpoint that answers says of the token."""
    listing = next((answer.data for answer in facts.endpoints.values() if answer.good), None)
    if not isinstance(listing, dict):
        return [warning("what the token may do cannot be told, since no endpoint answers it")]
    findings = []
    if "Sys.Audit" not in at("/", listing):
        findings.append(
            problem(
                "the token lacks Sys.Audit on /: neither the cluster's state nor HA's migrations can be seen", _ROLE
            )
        )
    findings += _guests(facts, listing)
    if "Datastore.Audit" not in at("/storage", listing):
        findings.append(
            warning("the token lacks Datastore.Audit on /storage: a woken node's storages are not waited for", _ROLE)
        )
    for name, node in facts.settings.nodes.items():
        by_peer = node.wake is not None and Name.PROXMOX in node.wake.order
        if by_peer and "Sys.PowerMgmt" not in at(f"/nodes/{name}", listing):
            findings.append(
                warning(
                    f"the token lacks Sys.PowerMgmt on /nodes/{name}: no peer sends {name} its magic packet; grant it, "
                    f"or leave 'proxmox' out of nodes.{name}.wake.methods",
                    "sh role-and-token.sh -w  # deploy/proxmox, as root on a node of the cluster",
                )
            )
    return findings or [ok("the token has every privilege that is needed")]


def at(path: str, listing: Mapping[str, Any]) -> frozenset[str]:
    """Return the privileges at a path."""
    while True:
        if isinstance(found := listing.get(path), dict):
            return frozenset(found)
        if path == "/":
            return frozenset()
        path = path.rpartition("/")[0] or "/"


def _guests(facts: Facts, listing: Mapping[str, Any]) -> list[Finding]:
    guests = facts.settings.guests
    paths = [f"/vms/{vmid}" for vmid in sorted(guests.vmids)]
    if guests.tag is not None and not any(set(_MOVE) <= at(path, listing) for path in (*listing, "/vms") if _vms(path)):
        paths.append("/vms")
    findings = []
    for path in paths:
        lacking = [privilege for privilege in _MOVE if privilege not in at(path, listing)]
        if lacking:
            findings.append(
                problem(f"the token lacks {' and '.join(lacking)} on {path}: no guest there is moved", _ROLE)
            )
    return findings


def _vms(path: str) -> bool:
    return path == "/vms" or path.startswith("/vms/")
