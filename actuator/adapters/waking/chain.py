"""A node's methods of waking, tried in their order.

Whoever can tell that the node was switched on ends the round. A magic packet tells nobody whether it arrived, and one
too many does no harm, so every method that sends some has its turn until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from actuator.adapters.waking.method import Asked, Cause, Name, NotAsked
from actuator.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actuator.adapters.waking.method import Method


@dataclass(frozen=True, slots=True)
class Attempt:
    """One round through a node's methods.

    Attributes:
        asked: What was done, in order; empty when no method could ask.
        failures: Methods that could not: name, named cause, and what to check.
    """

    asked: tuple[Asked, ...] = ()
    failures: tuple[tuple[Name, Cause, str], ...] = ()

    @property
    def method(self) -> str:
        """Those that asked, as a label: ``ipmi``, or ``proxmox+magic_packet``, either of which may have done it."""
        return "+".join(each.method for each in self.asked)

    @property
    def packets(self) -> int:
        """Magic packets sent."""
        return sum(each.packets for each in self.asked)

    @property
    def certain(self) -> bool:
        """Whether a BMC has confirmed it."""
        return any(each.certain for each in self.asked)

    @property
    def was_on(self) -> bool:
        """Whether a BMC says that the node had power already."""
        return any(each.was_on for each in self.asked)

    @property
    def hopeless(self) -> bool:
        """Whether nothing was asked, and only the configuration can change that."""
        return not self.asked and all(cause is Cause.NOT_CONFIGURED for _, cause, _ in self.failures)

    @property
    def troubles(self) -> str:
        """The failures as half a sentence; empty when there was none."""
        return "; ".join(f"{name}: {message}" for name, _, message in self.failures)


class Waker(Protocol):
    """Whoever wakes nodes."""

    def wake(self, node: str) -> Attempt:
        """Ask a node to wake.

        Raises:
            Permanent: No method is configured for it.
        """
        ...


class Chain:
    """The methods of each node, in order.

    Args:
        methods: By node; a node that is not in it is never woken.
    """

    def __init__(self, methods: Mapping[str, Sequence[Method]]) -> None:
        self._methods = methods

    def wake(self, node: str) -> Attempt:
        """Ask a node to wake, each method after the other until one is sure.

        Raises:
            Permanent: No method is configured for it.
        """
        if not self._methods.get(node):
            raise Permanent(f"no way to wake node {node} is configured: add nodes.{node}.wake")
        asked: list[Asked] = []
        failures: list[tuple[Name, Cause, str]] = []
        for method in self._methods[node]:
            try:
                done = method.wake(node)
            except NotAsked as error:
                failures.append((method.name, error.cause, str(error)))
                continue
            asked.append(done)
            if done.certain:
                break
        return Attempt(tuple(asked), tuple(failures))
