"""The order of a node's methods, and what a round through them comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from actuator.adapters.waking import Asked, Cause, Chain, Name, NotAsked
from actuator.errors import Permanent


@dataclass
class Known:
    """A method with a known outcome, which remembers for whom it was tried."""

    name: Name
    outcome: Asked | NotAsked
    tried: list[str] = field(default_factory=list)

    def wake(self, node: str) -> Asked:
        """Give the outcome."""
        self.tried.append(node)
        if isinstance(self.outcome, NotAsked):
            raise self.outcome
        return self.outcome


def bmc(outcome: Asked | NotAsked | None = None) -> Known:
    """A BMC that does what it is told, or something else."""
    return Known(Name.IPMI, outcome or Asked(Name.IPMI, certain=True))


def peer(outcome: Asked | NotAsked | None = None) -> Known:
    """A peer that sends a packet."""
    return Known(Name.PROXMOX, outcome or Asked(Name.PROXMOX, certain=False, packets=1))


def own() -> Known:
    """Packets of our own."""
    return Known(Name.MAGIC_PACKET, Asked(Name.MAGIC_PACKET, certain=False, packets=3))


def test_who_is_sure_ends_the_round() -> None:
    """After a BMC has done it, no packet is sent."""
    methods = [bmc(), peer(), own()]

    attempt = Chain({"pve": methods}).wake("pve")

    assert (attempt.method, attempt.packets, attempt.failures) == ("ipmi", 0, ())
    assert [method.tried for method in methods] == [["pve"], [], []]


def test_a_method_that_fails_is_followed_by_the_next_at_once() -> None:
    """The failure is kept with its name, its cause, and what to check."""
    methods = [bmc(NotAsked(Cause.TIMEOUT, "the BMC did not answer")), peer()]

    attempt = Chain({"pve": methods}).wake("pve")

    assert attempt.method == "proxmox"
    assert attempt.failures == ((Name.IPMI, Cause.TIMEOUT, "the BMC did not answer"),)
    assert attempt.troubles == "ipmi: the BMC did not answer"
    assert not attempt.hopeless


def test_packets_are_sent_by_everybody_who_can() -> None:
    """Nobody confirms a packet, so the next method has its turn too, and the label names both."""
    attempt = Chain({"pve": [peer(), own(), bmc(), own()]}).wake("pve")

    assert (attempt.method, attempt.packets) == ("proxmox+magic_packet+ipmi", 4)


def test_the_order_is_the_operators() -> None:
    """Whatever stands first is tried first."""
    attempt = Chain({"pve": [own(), peer()]}).wake("pve")

    assert attempt.method == "magic_packet+proxmox"


@pytest.mark.parametrize(
    ("causes", "hopeless"),
    [
        ([Cause.NOT_CONFIGURED, Cause.NOT_CONFIGURED], True),
        ([Cause.NOT_CONFIGURED, Cause.UNREACHABLE], False),
        ([Cause.DENIED], False),
    ],
)
def test_only_a_lack_of_configuration_is_hopeless(causes: list[Cause], hopeless: bool) -> None:  # noqa: FBT001
    """Networks and BMCs come back; a key that is missing does not."""
    attempt = Chain({"pve": [bmc(NotAsked(cause, "no")) for cause in causes]}).wake("pve")

    assert (attempt.method, attempt.hopeless) == ("", hopeless)


def test_a_node_without_methods_is_never_woken() -> None:
    """The message names the key to add."""
    with pytest.raises(Permanent, match=r"add nodes\.pve3\.wake"):
        Chain({"pve": [own()]}).wake("pve3")
