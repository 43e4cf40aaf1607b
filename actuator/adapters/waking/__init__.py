"""Waking nodes: one file a method, `Chain` tries them in the order that the operator gave."""

from actuator.adapters.waking.chain import Attempt, Chain, Waker
from actuator.adapters.waking.ipmi import Ipmi, IpmiAccess
from actuator.adapters.waking.magic_packet import MagicPacket, WakeTarget
from actuator.adapters.waking.method import Asked, Cause, Method, Name, NotAsked, by_bmc
from actuator.adapters.waking.peer import PeerPacket
from actuator.adapters.waking.redfish import Redfish, RedfishAccess

__all__ = [
    "Asked",
    "Attempt",
    "Cause",
    "Chain",
    "Ipmi",
    "IpmiAccess",
    "MagicPacket",
    "Method",
    "Name",
    "NotAsked",
    "PeerPacket",
    "Redfish",
    "RedfishAccess",
    "WakeTarget",
    "Waker",
    "by_bmc",
]
