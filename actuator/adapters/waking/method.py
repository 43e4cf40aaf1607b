"""What every way of waking a node has in common: what it did, or why it could not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Name(StrEnum):
    """The methods, in the order in which they are tried unless the operator says otherwise: the surest first."""

    REDFISH = "redfish"  # the BMC over HTTPS; knows whether the node has power
    IPMI = "ipmi"  # the BMC over RMCP+; knows it too
    PROXMOX = "proxmox"  # a magic packet from a node of the cluster that is awake
    MAGIC_PACKET = "magic_packet"  # a magic packet from this machine


def by_bmc(method: str | None) -> bool:
    """Whether a BMC is among the methods of a label such as ``magic_packet+ipmi``."""
    return not {Name.REDFISH.value, Name.IPMI.value}.isdisjoint((method or "").split("+"))


class Cause(StrEnum):
    """Why a method could not ask: closed set, for log, events and tests."""

    NOT_CONFIGURED = "not_configured"  # something that it needs is not known; repeating cannot help
    PROGRAM_MISSING = "program_missing"  # ipmitool is not installed
    UNREACHABLE = "unreachable"  # no connection, or the network takes no packet
    TIMEOUT = "timeout"  # connected, or not even that, and no answer in time
    DENIED = "denied"  # the account, the token or its rights
    UNTRUSTED = "untrusted"  # its certificate
    REFUSED = "refused"  # answered with an error
    UNINTELLIGIBLE = "unintelligible"  # answered with what it should not


@dataclass(frozen=True, slots=True)
class Asked:
    """A node was asked to wake, or is on.

    Attributes:
        method: How.
        certain: Whether somebody has confirmed it; nobody confirms a magic packet.
        packets: Magic packets that were sent.
        was_on: A BMC says that the node had power before, so it has merely not joined.
    """

    method: Name
    certain: bool
    packets: int = 0
    was_on: bool = False


class NotAsked(Exception):
    """A method could not ask; the next one is tried.

    Args:
        cause: Why, from the closed set.
        message: The same as the beginning of a sentence, with what to check; never a secret.
    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Method(Protocol):
    """A way of waking nodes; usable from several threads, and bounded in time."""

    @property
    def name(self) -> Name:
        """What it is called in the configuration, in events and in metrics."""
        ...

    def wake(self, node: str) -> Asked:
        """Ask a node to wake; says nothing about whether it will.

        Raises:
            NotAsked: It could not ask.
        """
        ...
