"""Wake-on-LAN: will the card behind the bridge wake this node, and does Proxmox know its address.

``ethtool <card>`` prints ``Supports Wake-on: pumbg`` and ``Wake-on: g``: letters for what wakes it, g the magic packet,
d nothing; both lines are left out for a user that is not root, and for a card that cannot (ethtool(8)).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from exporter.doctor.cards import Card, find
from exporter.doctor.finding import Finding, absent, ok, problem, warning
from exporter.doctor.where import text
from exporter.readings import Reason, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from exporter.child import Ended
    from exporter.doctor.where import Where

TITLE = "Wake-on-LAN"

_SUPPORTS = re.compile(r"^\s*Supports Wake-on: ([pumbagsfd]+)\n", re.MULTILINE)
_NOW = re.compile(r"^\s*Wake-on: ([pumbagsfd]+)\n", re.MULTILINE)
_MAGIC = "g"
_REFUSED = ("Operation not permitted", "Permission denied")
_MAC = re.compile(r"^wakeonlan:\s*(?:mac=|\S*,mac=)?([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\b", re.MULTILINE)
_INTERFACES = "/etc/network/interfaces"


@dataclass(frozen=True, slots=True)
class WakeOn:
    """What ethtool says: the letters a card can and those that are on; empty when it says nothing of them."""

    can: str = ""
    now: str = ""
    refused: bool = False

    @property
    def armed(self) -> bool:
        """Whether a magic packet wakes it."""
        return _MAGIC in self.now


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is.

    ``configured`` is the address in Proxmox's node configuration; ``proxmox`` tells whether there is one to look into.
    """

    cards: tuple[tuple[Card, WakeOn | SourceError], ...]
    proxmox: bool
    configured: str | None


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where))


def read(where: Where) -> Facts:
    """Gather the facts."""
    found = find(where.settings.sysfs / "class" / "net")
    with ThreadPoolExecutor(max_workers=len(found) or 1) as side_by_side:  # several that hang take no longer than one
        cards = list(zip(found, side_by_side.map(partial(_ask, where), found), strict=True))
    local = where.cluster / "local"
    return Facts(tuple(cards), local.exists(), parse_node_config(_config(local)))


def parse(ended: Ended) -> WakeOn:
    """Return what ethtool's output says of Wake-on-LAN."""
    can, now = _SUPPORTS.search(ended.text), _NOW.search(ended.text)
    refused = now is None and any(words in ended.text for words in _REFUSED)
    return WakeOn(can[1] if can else "", now[1] if now else "", refused)


def parse_node_config(config: str) -> str | None:
    """Return the address of ``wakeonlan: [mac=]<MAC>[,...]`` in a Proxmox node configuration (pvenode(1)), if any."""
    found = _MAC.search(config)
    return found[1].lower() if found else None


def judge(facts: Facts) -> list[Finding]:
    """Say what the facts mean."""
    if not facts.cards:
        return [absent("no network card found behind a bridge: nothing can wake this node over the network")]
    answers = [(card, wake) for card, wake in facts.cards if isinstance(wake, WakeOn)]
    armed = [card for card, wake in answers if wake.armed]
    findings = [_judge_card(card, wake, armed) for card, wake in facts.cards]
    if len({finding.sentence for finding in findings}) < len(findings):
        findings = list(dict.fromkeys(findings))  # a tool that is missing is missing once
    able = [card for card, wake in answers if _MAGIC in wake.can]
    return [*findings, *_address(facts, armed or able)]


def _judge_card(card: Card, wake: WakeOn | SourceError, armed: Sequence[Card]) -> Finding:
    name = " ".join(filter(None, (card.name, card.mac, f"behind {' '.join(card.way)}" if card.way else "")))
    if isinstance(wake, SourceError):
        missing = wake.reason == Reason.MISSING
        return problem(wake.detail, "apt install ethtool") if missing else problem(f"{name}: {wake.detail}")
    if wake.refused:
        return warning(f"{name}: only root is told whether it wakes the node", "su -c 'wattshift-exporter doctor'")
    if wake.armed:
        return ok(f"{name}: a magic packet wakes the node")
    if _MAGIC not in wake.can:
        return absent(f"{name}: this card or its driver cannot wake the node")
    if armed:
        return ok(f"{name}: is not armed; {armed[0].name} is")
    return problem(
        f"{name}: can wake the node, but is not armed (Wake-on: {wake.now or 'nothing'})",
        f"ethtool -s {card.name} wol g",
        f"sed -i '/^iface {card.name} /a\\        post-up /usr/sbin/ethtool -s {card.name} wol g' {_INTERFACES}"
        "  # so that it lasts",
    )


def _address(facts: Facts, cards: Sequence[Card]) -> list[Finding]:
    """Judge the address that Proxmox would send the packet to."""
    if not facts.proxmox or not cards:
        return []
    command = f"pvenode config set --wakeonlan {cards[0].mac}"
    if facts.configured is None:
        return [warning("Proxmox does not know the address to wake this node by", command)]
    if facts.configured not in {card.mac for card in cards}:
        return [problem(f"Proxmox would wake {facts.configured}, which is none of these cards", command)]
    return [ok(f"Proxmox knows the address ({facts.configured})")]


def _ask(where: Where, card: Card) -> WakeOn | SourceError:
    try:
        return parse(where.ask("ethtool", "ethtool", card.name))
    except SourceError as error:
        return error


def _config(local: Path) -> str:
    return text(local / "config") or ""
