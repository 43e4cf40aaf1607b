"""Waking: whether each node can be woken, and by the address that Proxmox knows as well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actuator.adapters.waking import Name
from actuator.doctor.finding import Finding, ok, warning

if TYPE_CHECKING:
    from actuator.adapters.endpoint_probe import Answer
    from actuator.doctor.facts import Facts

TITLE = "Waking"

# "[mac=]<MAC>[,bind-interface=...][,broadcast-address=...]" (pvenode(1), property wakeonlan)
_MAC = re.compile(r"(?:^|,)(?:mac=)?([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?:,|$)")


def check(facts: Facts) -> list[Finding]:
    """Judge each configured node."""
    wakeable = facts.settings.rules().wakeable
    return [_node(name, facts, configured=name in wakeable) for name in facts.settings.nodes]


def known_to_proxmox(config: Answer | None) -> str | None:
    """Return the MAC address in a node's configuration, in lower case, or None."""
    data = config.data if config is not None and config.good else None
    found = _MAC.search(str(data.get("wakeonlan") or "")) if isinstance(data, dict) else None
    return None if found is None else found[1].lower()


def _node(name: str, facts: Facts, *, configured: bool) -> Finding:
    ours = getattr(facts.settings.nodes[name].wake, "mac", None)
    mac = None if ours is None else str(ours).lower().replace("-", ":")
    theirs = known_to_proxmox(facts.configs.get(name))
    arm = f"ethtool INTERFACE | grep Wake-on  # on {name}; 'g' must be there before each power-off"
    if not configured:
        hint = f"nodes.{name}.wake.mac: {theirs}" if theirs else f"nodes.{name}.wake"
        return warning(f"{name} is never woken: configure {hint}, unless it is always on", arm)
    if mac and theirs and mac != theirs:
        return warning(
            f"{name} is woken by {mac}, but Proxmox has {theirs} for it: one of them is not its card's",
            f"pvenode config set --wakeonlan {mac}  # on {name}, if ours is right",
        )
    wake = facts.settings.nodes[name].wake
    if mac is None and theirs is None and wake is not None and not {Name.REDFISH, Name.IPMI} & set(wake.order):
        return warning(
            f"no MAC address of {name} is known here: none is configured, and Proxmox names none, or cannot while it "
            f"is off; configure nodes.{name}.wake.mac",
            f"pvenode config set --wakeonlan MAC  # on {name}, while it is on",
        )
    also = "" if mac is None else f" by {mac}"
    agrees = ", as Proxmox has it" if mac and mac == theirs else ""
    return ok(f"{name} can be woken{also}{agrees}; whether it does, tells: wattshift-actuator wake {name} --follow")
