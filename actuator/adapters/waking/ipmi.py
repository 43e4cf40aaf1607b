"""Switching a node on through its BMC, by the real ``ipmitool`` over RMCP+ (IPMI 2.0, sections 28.2 and 28.3)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.adapters.waking.child import run
from actuator.adapters.waking.method import Asked, Cause, Name, NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETRANSMIT_SECONDS = 2
_RETRIES = 3
_POWER = re.compile(r"Chassis Power is (on|off)")
# A refusal in the course of the handshake (IPMI 2.0, sections 13.17 to 13.24). ipmitool says so with -v only; without
# it, a wrong password and silence have the same words.
_REFUSAL = re.compile(
    r"RAKP [24] (?:HMAC is invalid|message .*)|Error in open session response message : .*|"
    r"Set Session Privilege Level to \w+ failed.*|[Ii]nsufficient privilege.*"
)
_NO_WAY = ("Unable to establish", "Address lookup for", "Could not open socket")


@dataclass(frozen=True, slots=True)
class IpmiAccess:
    """A node's BMC and how to be let in.

    Attributes:
        host: Its address.
        user: Its account, which needs the privilege level Operator.
        password: At most 20 bytes (IPMI 2.0, section 22.30); never shown.
        port: UDP.
    """

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 623


class Ipmi:
    """Chassis power through ``ipmitool``.

    Args:
        bmcs: By node.
        seconds: How long one call of the program may take; each attempt makes two at most.
        path: Where programs are looked for.
    """

    name = Name.IPMI

    def __init__(self, bmcs: Mapping[str, IpmiAccess], *, seconds: float = 15.0, path: str | None = None) -> None:
        self._bmcs = bmcs
        self._seconds = seconds
        self._path = path or os.environ.get("PATH", os.defpath)

    def wake(self, node: str) -> Asked:
        """Read whether the node has power, and switch it on when it has none.

        Raises:
            NotAsked: No BMC is configured, or it did not do it.
        """
        bmc = self._bmcs.get(node)
        if bmc is None:
            raise NotAsked(Cause.NOT_CONFIGURED, f"no BMC of {node} is known: add nodes.{node}.wake.ipmi")
        status, said = self._ask(bmc, "status")
        power = _POWER.search(said)
        if status != 0 or power is None:
            raise _explained(node, bmc, status, said)
        if power[1] == "on":
            return Asked(self.name, certain=True, was_on=True)
        status, said = self._ask(bmc, "on")
        if status != 0:
            raise _explained(node, bmc, status, said)
        return Asked(self.name, certain=True)

    def _ask(self, bmc: IpmiAccess, action: str) -> tuple[int, str]:
        options = ["-v", "-I", "lanplus", "-H", bmc.host, "-p", str(bmc.port), "-U", bmc.user, "-E", "-L", "OPERATOR"]
        patience = ["-N", str(_RETRANSMIT_SECONDS), "-R", str(_RETRIES)]
        # The password is in the child's environment alone: arguments can be read by everybody on the machine.
        environment = {"PATH": self._path, "LC_ALL": "C", "HOME": "/nonexistent", "IPMI_PASSWORD": bmc.password}
        try:
            return run(["ipmitool", *options, *patience, "chassis", "power", action], environment, self._seconds)
        except NotAsked as error:
            if error.cause is Cause.TIMEOUT:
                raise NotAsked(Cause.TIMEOUT, f"the BMC at {bmc.host} did not answer in {self._seconds:g} s") from error
            raise


def _explained(node: str, bmc: IpmiAccess, status: int, said: str) -> NotAsked:
    key = f"nodes.{node}.wake.ipmi"
    if refusal := _REFUSAL.search(said):
        return NotAsked(
            Cause.DENIED,
            f"the BMC at {bmc.host} refuses the account {bmc.user} ({refusal[0].strip()}): check {key}.user and its "
            "password, and that it may use IPMI over LAN as Operator",
        )
    if any(words in said for words in _NO_WAY):
        return NotAsked(
            Cause.UNREACHABLE, f"no session with the BMC at {bmc.host}: check {key}.host, and that IPMI over LAN is on"
        )
    last = " ".join(said.split())[-200:]
    cause = Cause.UNINTELLIGIBLE if status == 0 else Cause.REFUSED
    return NotAsked(cause, f"the BMC at {bmc.host} did not do it (ipmitool, status {status}: {last or 'nothing said'})")
