"""The network cards behind Proxmox's bridges, through bonds and VLANs, as /sys/class/net shows them.

``lower_<name>`` links lead from a device to those it stands on; one with a ``device`` link is real
(Documentation/ABI/testing/sysfs-class-net). A card in a bond answers to its own address, which the bond hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.where import names, text

if TYPE_CHECKING:
    from pathlib import Path

_ETHERNET = "1"  # ARPHRD_ETHER
_LOWER = "lower_"


@dataclass(frozen=True, slots=True)
class Card:
    """A real network card, its own MAC address, and the way to it from the bridge (``vmbr0 bond0``)."""

    name: str
    mac: str
    way: tuple[str, ...]


def find(net: Path) -> list[Card]:
    """Return the cards that bridges stand on; where no bridge has one (Open vSwitch), every card."""
    bridges = [name for name in names(net) if (net / name / "bridge").is_dir()]
    found: dict[str, Card] = {}
    for bridge in bridges:
        _descend(net, bridge, (), found)
    if not found:
        for name in names(net):
            if _is_card(net, name):
                found[name] = _card(net, name, ())
    return list(found.values())


def _descend(net: Path, name: str, way: tuple[str, ...], found: dict[str, Card]) -> None:
    if name in way or name in found:
        return
    if _is_card(net, name):
        found[name] = _card(net, name, way)
        return
    for entry in names(net / name):
        if entry.startswith(_LOWER):
            _descend(net, entry.removeprefix(_LOWER), (*way, name), found)


def _is_card(net: Path, name: str) -> bool:
    folder = net / name
    wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
    return (folder / "device").exists() and text(folder / "type") == _ETHERNET and not wireless


def _card(net: Path, name: str, way: tuple[str, ...]) -> Card:
    own = text(net / name / "bonding_slave" / "perm_hwaddr")
    return Card(name, (own or text(net / name / "address") or "").lower(), way)
