"""The demo's story: successive looks at the stack become lines, each told once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the stack showed.

    Attributes:
        at: Seconds since the story began.
        power: Node -> ``off``, ``booting`` or ``on``: the lamp on the machine's front.
        watts: Node -> ``wattshift_node_watts`` as Prometheus has it; absent when Prometheus has none.
        quorate: Whether the cluster may change anything.
        alert: ``inactive``, ``pending`` or ``firing``, as Prometheus has it.
        delivered: Whether Alertmanager holds the alert.
        told_resolved: Whether the actuator has heard that the job's alert resolved.
        job: The actuator's newest job, as its API gives it; None while there is none.
        events: The job's events since the last look.
    """

    at: float
    power: Mapping[str, str]
    watts: Mapping[str, float]
    quorate: bool
    alert: str
    delivered: bool
    told_resolved: bool = False
    job: Mapping[str, Any] | None = None
    events: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Story:
    """Remembers what has been told.

    Attributes:
        thresholds: Node -> its threshold in watts; a node without one is only watched.
    """

    thresholds: Mapping[str, float]
    _last: Look | None = None
    _above: set[str] = field(default_factory=set)

    def tell(self, look: Look) -> list[str]:
        """The lines that ``look`` adds to the story."""
        before = self._last or Look(look.at, {}, {}, look.quorate, "inactive", delivered=False)
        self._last = look
        lines = [*_power(before, look), *self._watts(look), *self._alert(before, look)]
        lines += [_event(event) for event in look.events]
        return lines

    def _watts(self, look: Look) -> list[str]:
        lines = []
        for node, threshold in sorted(self.thresholds.items()):
            if (watts := look.watts.get(node)) is None:
                continue
            if watts > threshold and node not in self._above:
                lines.append(f"{node} draws {watts:.1f} W, above its threshold of {threshold:g} W")
                self._above.add(node)
            elif watts <= threshold and node in self._above:
                lines.append(f"{node} draws {watts:.1f} W, below its threshold again")
                self._above.remove(node)
        return lines

    def _alert(self, before: Look, look: Look) -> list[str]:
        lines = []
        if look.alert != before.alert:
            lines.append(
                {
                    "pending": "the rule sees it, and waits whether it lasts",
                    "firing": "the alert NodePowerHigh fires",
                    "inactive": "the alert NodePowerHigh resolves in Prometheus",
                }[look.alert]
            )
        if look.delivered and not before.delivered:
            lines.append("Alertmanager has the alert, and calls the actuator")
        if look.told_resolved and not before.told_resolved:
            lines.append("Alertmanager has told the actuator that it is over")
        return lines


def _power(before: Look, look: Look) -> list[str]:
    words = {"off": "is off", "booting": "boots", "on": "is up"}
    lines = [f"{node} {words[state]}" for node, state in sorted(look.power.items()) if before.power.get(node) != state]
    if before.quorate != look.quorate:
        lines.append("the cluster is quorate" if look.quorate else "the cluster has no quorum")
    return lines


def _event(event: Mapping[str, Any]) -> str:
    return f"actuator: {event['message']}"
