"""Switching a node on through its BMC by Redfish: ``ComputerSystem.Reset`` with ``On`` (DMTF DSP0266, DSP2046)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from actuator.adapters.waking.https import Answer, Https
from actuator.adapters.waking.method import Asked, Cause, Name, NotAsked

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = structlog.get_logger(__name__)

_SYSTEMS = "/redfish/v1/Systems"
_RESET = "#ComputerSystem.Reset"
_ON = frozenset({"On", "PoweringOn", "Paused"})
_DENIED = frozenset({401, 403})
_OK = range(200, 300)
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class RedfishAccess:
    """A node's BMC and how to be let in.

    Attributes:
        host: Address, with port if it is not 443; always HTTPS.
        user: Its account, which needs the privilege ConfigureComponents (the role Operator has it).
        password: Never shown.
        system: Id below ``/redfish/v1/Systems``; None when the BMC has only one.
        verify: A file with the certificate's authority, True for the system's, False to trust anybody.
    """

    host: str
    user: str
    password: str = field(repr=False)
    system: str | None = None
    verify: bool | str = True


class Redfish:
    """Power through Redfish, with basic authentication.

    Args:
        bmcs: By node.
        seconds: How long each request may take; an attempt makes three at most.
    """

    name = Name.REDFISH

    def __init__(
        self,
        bmcs: Mapping[str, RedfishAccess],
        *,
        seconds: float = 15.0,
    ) -> None:
        self._bmcs = bmcs
        self._seconds = seconds
        for node, bmc in bmcs.items():
            if bmc.verify is False:
                _log.warning(
                    "redfish.certificate_unchecked",
                    node=node,
                    advice=f"anybody in the network may pose as this BMC and learn its password: set "
                    f"nodes.{node}.wake.redfish.ca_file",
                )

    def wake(self, node: str) -> Asked:
        """Read whether the node has power, and switch it on when it has none.

        Raises:
            NotAsked: No BMC is configured, or it did not do it.
        """
        bmc = self._bmcs.get(node)
        if bmc is None:
            raise NotAsked(Cause.NOT_CONFIGURED, f"no BMC of {node} is known: add nodes.{node}.wake.redfish")
        with Https(bmc.host, (bmc.user, bmc.password), bmc.verify, self._seconds) as bmc_calls:
            path = self._system(node, bmc, bmc_calls)
            system = _checked(node, bmc, bmc_calls.get(path)).entry
            power = system.get("PowerState")
            if not isinstance(power, str):
                raise _unintelligible(bmc, f"{path} has no PowerState")
            if power in _ON:
                return Asked(self.name, certain=True, was_on=True)
            target, kind = _reset(system, path)
            _checked(node, bmc, bmc_calls.post(target, {"ResetType": kind}))
        return Asked(self.name, certain=True)

    def _system(self, node: str, bmc: RedfishAccess, bmc_calls: Https) -> str:
        """The path of the node's system."""
        if bmc.system is not None:
            return f"{_SYSTEMS}/{bmc.system}"
        members = _checked(node, bmc, bmc_calls.get(_SYSTEMS)).entry.get("Members")
        if not isinstance(members, list):
            raise _unintelligible(bmc, f"{_SYSTEMS} has no Members")
        paths = [_path(member.get("@odata.id")) for member in members if isinstance(member, dict)]
        found = [path for path in paths if path is not None]
        if len(found) != 1:
            names = ", ".join(path.rstrip("/").rpartition("/")[2] for path in found) or "none"
            raise NotAsked(
                Cause.NOT_CONFIGURED,
                f"the BMC at {bmc.host} has not just one system ({names[:200]}): name the node's as "
                f"nodes.{node}.wake.redfish.system",
            )
        return found[0]


def _reset(system: Mapping[str, object], path: str) -> tuple[str, str]:
    """Where to post, and which reset means on: ``On``, but for BMCs that list ``ForceOn`` and not that."""
    actions = system.get("Actions")
    reset = actions.get(_RESET) if isinstance(actions, dict) else None
    reset = reset if isinstance(reset, dict) else {}
    kinds = reset.get("ResetType@Redfish.AllowableValues")
    forced = isinstance(kinds, list) and "On" not in kinds and "ForceOn" in kinds
    target = _path(reset.get("target")) or f"{path.rstrip('/')}/Actions/ComputerSystem.Reset"
    return target, "ForceOn" if forced else "On"


def _path(value: object) -> str | None:
    """A path of this BMC; an address elsewhere is none, since the password goes with every request."""
    return value if isinstance(value, str) and value.startswith("/") and not value.startswith("//") else None


def _checked(node: str, bmc: RedfishAccess, answer: Answer) -> Answer:
    if answer.status in _OK:
        return answer
    said = f"{answer.call}: {answer.status} {answer.reason}".strip()
    key = f"nodes.{node}.wake.redfish"
    if answer.status in _DENIED:
        raise NotAsked(
            Cause.DENIED,
            f"the BMC at {bmc.host} refuses the account {bmc.user} ({said}): check {key}.user and its password, and "
            "that its role is Operator at least",
        )
    advice = f": check {key}.system" if answer.status == _NOT_FOUND and bmc.system is not None else ""
    raise NotAsked(Cause.REFUSED, f"the BMC at {bmc.host} refused ({said}){advice}")


def _unintelligible(bmc: RedfishAccess, why: str) -> NotAsked:
    return NotAsked(Cause.UNINTELLIGIBLE, f"the BMC at {bmc.host} does not answer as Redfish does ({why})")
