"""Guests: can their CPU time be read and their names told, so that the node's power can be divided among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.doctor.finding import Finding, absent, ok, problem, warning
from exporter.doctor.where import names
from exporter.sources.guests import CPU_SECONDS

if TYPE_CHECKING:
    from exporter.doctor.where import Where
    from exporter.readings import SourceState

TITLE = "Guests"

_HOW = "less /usr/share/doc/wattshift-exporter/README.md  # how the service comes to know them"


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is."""

    proxmox: bool


def check(where: Where) -> list[Finding]:
    """Look, and judge."""
    return judge(read(where), where.state("guests"))


def read(where: Where) -> Facts:
    """Gather the facts."""
    return Facts(bool(names(where.cluster)))


def judge(facts: Facts, state: SourceState | None) -> list[Finding]:
    """Say what the facts mean."""
    if state is None:
        return [absent("switched off by --no-collector.guests")]
    if not facts.proxmox and not state.readings:
        return [absent("no Proxmox node: no guests to tell apart")]
    if state.up is None:
        return [problem("they could not be read in time")]
    guests = [reading.labels for reading in state.readings if reading.family == CPU_SECONDS]
    findings = [problem(failure.detail) for failure in state.failures]
    if guests:
        findings.insert(0, ok(f"{len(guests)} guests: {', '.join(' '.join(filter(None, guest)) for guest in guests)}"))
    elif state.up:
        findings.insert(0, ok("none runs at present"))
    nameless = sum(not name for _, name in guests)
    if nameless:
        findings.append(
            warning(f"{nameless} without a name: the service may not read Proxmox's configuration of them", _HOW)
        )
    return findings
