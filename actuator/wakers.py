"""Settings and secrets made into the methods by which each node is woken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.adapters.waking import (
    Chain,
    Ipmi,
    IpmiAccess,
    MagicPacket,
    Method,
    Name,
    PeerPacket,
    Redfish,
    RedfishAccess,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actuator.adapters.proxmox import Proxmox
    from actuator.settings import Settings
    from actuator.wake_secrets import WakeSecrets


def chain(settings: Settings, secrets: WakeSecrets, proxmox: Proxmox, remembered: Callable[[str], str | None]) -> Chain:
    """Return who wakes the nodes.

    Args:
        settings: Which nodes, and how.
        secrets: Of BMCs and network cards.
        proxmox: The cluster, whose nodes that are awake may send for us.
        remembered: Tells the MAC address that was read from Proxmox, or None.
    """
    sections = {node: section.wake for node, section in settings.nodes.items() if section.wake is not None}
    targets = {
        node: replace(target, secureon=secrets.secureon.get(node)) for node, target in settings.wake_targets().items()
    }
    redfish = {
        node: RedfishAccess(
            wake.redfish.host,
            wake.redfish.user,
            secrets.redfish[node],
            wake.redfish.system,
            wake.redfish.verify if wake.redfish.ca_file is None else str(wake.redfish.ca_file),
        )
        for node, wake in sections.items()
        if wake.redfish is not None and Name.REDFISH in wake.order
    }
    ipmi = {
        node: IpmiAccess(wake.ipmi.host, wake.ipmi.user, secrets.ipmi[node], wake.ipmi.port)
        for node, wake in sections.items()
        if wake.ipmi is not None
    }
    methods: dict[Name, Method] = {
        Name.REDFISH: Redfish(redfish),
        Name.IPMI: Ipmi(ipmi),
        Name.PROXMOX: PeerPacket(proxmox),
        Name.MAGIC_PACKET: MagicPacket(targets, remembered),
    }
    return Chain({node: [methods[name] for name in wake.order] for node, wake in sections.items()})
